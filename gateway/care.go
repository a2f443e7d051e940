package gateway

import (
	"context"
	"os"
	"path/filepath"

	"clinicgate/gateway/control"
	"clinicgate/storage"
)

// storeBackend is the care of the store's file.
type storeBackend struct{ *Gateway }

func (g *Gateway) storePath() string { return filepath.Join(g.cfg.Storage.Dir, "store.db") }

// Check looks at the store's file as it is on disk.
func (g storeBackend) Check(ctx context.Context, _ control.Caller, in control.StoreCheck, progress func(control.Progress)) (storage.Report, error) {
	return storage.Check(ctx, storage.CheckOptions{Path: g.storePath(), Keys: g.ring, Full: in.Full, Progress: func(done, total int64) {
		progress(control.Progress{Done: uint64(done), Total: uint64(total), Unit: "bytes"})
	}})
}

// Compact gives unused space back.
func (g storeBackend) Compact(ctx context.Context, _ control.Caller, _ control.None, _ func(control.Progress)) (control.Compacted, error) {
	before := g.used()
	if c, ok := any(g.store).(interface{ Compact(context.Context) error }); ok {
		if err := c.Compact(ctx); err != nil {
			return control.Compacted{}, err
		}
	}
	return control.Compacted{Before: before, After: g.used()}, nil
}

func (g *Gateway) used() int64 {
	info, err := os.Stat(g.storePath())
	if err != nil {
		return 0
	}
	return info.Size()
}

func (g *Gateway) runStore(ctx context.Context) error {
	if r, ok := any(g.store).(interface{ Run(context.Context) error }); ok {
		return r.Run(ctx)
	}
	<-ctx.Done()
	return nil
}

// Verify checks the audit log.
func (g auditBackend) Verify(ctx context.Context, _ control.Caller, _ control.AuditVerify, _ func(control.Progress)) (control.AuditReport, error) {
	return control.AuditReport{}, &control.Error{Code: control.Unavailable, Message: "interim"}
}
