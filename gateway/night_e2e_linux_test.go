//go:build e2e

package gateway

import (
	"os"
	"syscall"
	"testing"
	"time"

	"clinicgate/gateway/doctor"
)

// A target without room is an alarm that says so; what is there stays, and what was
// begun does not.
func TestE2ENightlyBackupOnAFullTarget(t *testing.T) {
	nightly(t, func(g *Gateway) {
		dir := g.cfg.Backup.Dir
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
			t.Fatalf("needs root: %v", err)
		}
		defer func() {
			if err := syscall.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		}()
		now := g.clock.Now().Wall
		g.night(t.Context(), now, true)
		if len(g.copies(t)) != 1 {
			t.Fatalf("the first: %+v", g.backupState())
		}
		g.backups.last = now.Add(-30 * time.Hour)
		time.Sleep(time.Until(g.copies(t)[0].Made.Add(time.Second))) // names are by the second
		for range 3 {
			g.backups.notBefore = time.Time{}
			g.night(t.Context(), now, true)
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
				t.Errorf("in the folder: %v, %v", entries, err)
			}
		}
		g.alarm(t, now, doctor.Warn, "the last good copy is 30 h old: there is no room left")
	})
}
