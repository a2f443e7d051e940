package gateway_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"

	bolt "go.etcd.io/bbolt"
)

// damageViews overwrites the pages with the views' rows in the store's file, under
// the running store.
func damageViews(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(copied, data, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(copied, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var root uint64
	size := db.Info().PageSize
	if err := db.View(func(tx *bolt.Tx) error {
		root = uint64(tx.Bucket([]byte("views")).Root())
		return nil
	}); err != nil || root == 0 {
		t.Fatalf("views: root %d, %v", root, err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// A page begins with its number, flags (1 is a branch), and how many elements
	// of 16 bytes follow; a branch's end with the number of a page.
	var walk func(page uint64)
	walk = func(page uint64) {
		at := data[page*uint64(size):]
		if flags, n := binary.LittleEndian.Uint16(at[8:]), int(binary.LittleEndian.Uint16(at[10:])); flags&1 != 0 {
			for i := range n {
				walk(binary.LittleEndian.Uint64(at[16+16*i+8:]))
			}
			return
		}
		if _, err := f.WriteAt(make([]byte, size), int64(page)*int64(size)); err != nil {
			t.Fatal(err)
		}
	}
	walk(root)
}

// The views are damaged while the gateway runs. It recovers by itself, knows every
// patient again, and says so once where an auditor reads.
func TestAStoreDamagedWhileRunningIsRecoveredAndRebuilt(t *testing.T) {
	t.Parallel()
	c := newClinic(t)
	tickets := map[string]bool{}
	for _, id := range []string{"apt-1", "apt-2", "apt-3"} {
		tickets[c.typed(c.browser(), c.admit(id))] = true
	}
	late := c.admit("apt-4")
	c.eventually("everything delivered", c.drained)

	damageViews(t, filepath.Join(c.cfg.Storage.Dir, "store.db"))
	c.eventually("the gateway has begun again", func() bool {
		_, _ = c.control.RosterImport(t.Context(), control.RosterImport{List: c.row("apt-5", time.Now())}) // it reads and writes
		s, err := c.control.Status(t.Context())
		return err == nil && s.Store.Life == 2 && s.Store.Recovered != "" && s.Store.Salvages == 1
	})
	list, err := c.control.QueueList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list.Entries {
		if e.Status != kiosk.Waiting || !tickets[e.Ticket] {
			t.Errorf("entry %+v", e)
		}
		delete(tickets, e.Ticket)
	}
	if len(tickets) > 0 {
		t.Errorf("forgotten: %v", tickets)
	}
	if got := c.typed(c.browser(), late); got != "A-004" {
		t.Errorf("the next ticket is %q", got)
	}
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	c.start()
	c.eventually("everything delivered", c.drained)
	keys, err := c.control.KeyList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, event := range c.read("audit.org", keys.Public) {
		if strings.Contains(event, "STORE_RECOVERED") {
			said[event] = true // PubNub may hold it twice, where an answer was lost
		}
	}
	if len(said) != 1 {
		t.Errorf("the audit log says %d times that the store was recovered", len(said))
	}
	if n := strings.Count(c.log.String(), "not as it was left"); n != 1 {
		t.Errorf("the log says it %d times", n)
	}
	report, err := c.control.AuditVerify(t.Context(), control.AuditVerify{}, func(control.Progress) {})
	if err != nil || !report.OK {
		t.Errorf("audit: %+v, %v", report, err)
	}
}
