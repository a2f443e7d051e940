package control

import (
	"context"
	"encoding/json"

	"clinicgate/storage"
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
type AuditVerify struct {
	// Checkpoints are signed notes that somebody else kept.
	Checkpoints [][]byte `json:"checkpoints,omitempty"`
}

// AuditReport is what a verification found, log by log, the present one last.
type AuditReport struct {
	OK   bool              `json:"ok"`
	Logs []auditlog.Report `json:"logs"`
	// Head is how the store stands to the head file beside it: "same", "store
	// ahead", "store behind", "fork"; empty where that was not compared.
	Head string `json:"head,omitempty"`
}

// AuditReportOf writes what the store found in the form of the API.
func AuditReportOf(a storage.Audit) AuditReport {
	r := AuditReport{OK: a.OK(), Logs: a.Logs}
	if a.Side != nil {
		r.Head = a.Side.String()
	}
	return r
}

// AuditList asks for audit events.
func (c *Client) AuditList(ctx context.Context, in AuditQuery) (AuditEvents, error) {
	return call[AuditEvents](ctx, c, "audit/list", in)
}

// AuditVerify verifies the audit log.
func (c *Client) AuditVerify(ctx context.Context, in AuditVerify, progress func(Progress)) (AuditReport, error) {
	return follow[AuditReport](ctx, c, "audit/verify", in, progress)
}
