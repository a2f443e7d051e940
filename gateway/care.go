package gateway

import (
	"context"
	"path/filepath"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/storage"
)

// storeBackend is the care of the store's file.
type storeBackend struct{ *Gateway }

func storeFile(c config.Config) string { return filepath.Join(c.Storage.Dir, "store.db") }

// Check looks at the store's file as it is on disk.
func (g storeBackend) Check(ctx context.Context, _ control.Caller, in control.StoreCheck, progress func(control.Progress)) (storage.Report, error) {
	return storage.Check(ctx, storage.CheckOptions{Path: storeFile(g.cfg), Keys: g.ring, Full: in.Full, Progress: inUnits("bytes", progress)})
}

// inUnits says what is counted, to whom wants to know.
func inUnits(unit string, progress func(control.Progress)) func(done, total int64) {
	return func(done, total int64) {
		progress(control.Progress{Done: uint64(done), Total: uint64(total), Unit: unit})
	}
}

// Compact gives unused space back.
func (g storeBackend) Compact(ctx context.Context, _ control.Caller, _ control.None, progress func(control.Progress)) (control.Compacted, error) {
	before := g.store.Status().Length
	err := g.store.Compact(ctx, inUnits("bytes", progress))
	return control.Compacted{Before: before, After: g.store.Status().Length}, err
}

// Verify checks every log of the store, the present one last.
func (g auditBackend) Verify(ctx context.Context, _ control.Caller, in control.AuditVerify, progress func(control.Progress)) (control.AuditReport, error) {
	a, err := g.store.VerifyAudit(ctx, inUnits("records", progress), in.Checkpoints...)
	return control.AuditReportOf(a), err
}
