package control

import (
	"context"
	"encoding/json"

	"clinicgate/storage/auditlog"
)

// AuditQuery asks for the newest audit events.
type AuditQuery struct {
	Limit int    `json:"limit"`          // 1 to 1000
	Type  string `json:"type,omitempty"` // only of this type
}

// AuditEvents are audit events in their published shape, oldest first. They
// hold references only.
type AuditEvents struct {
	Events []json.RawMessage `json:"events"`
}

// AuditVerify asks for a verification of all logs of the store.
type AuditVerify struct{}

// AuditReport is what a verification found, log by log, the present one last.
type AuditReport struct {
	OK   bool              `json:"ok"`
	Logs []auditlog.Report `json:"logs"`
}

// AuditList asks for audit events.
func (c *Client) AuditList(ctx context.Context, in AuditQuery) (AuditEvents, error) {
	return call[AuditEvents](ctx, c, "audit/list", in)
}

// AuditVerify verifies the audit log.
func (c *Client) AuditVerify(ctx context.Context, in AuditVerify, progress func(Progress)) (AuditReport, error) {
	return follow[AuditReport](ctx, c, "audit/verify", in, progress)
}
