package gateway

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"clinicgate/gateway/config"
	"clinicgate/gateway/doctor"
	"clinicgate/storage/archive"
	"clinicgate/storage/keyring"
)

// nightly is a kiosk that only makes its nightly copies.
func nightly(t *testing.T, work func(g *Gateway)) {
	t.Helper()
	dir := t.TempDir()
	cfg := config.Default()
	cfg.Kiosk.ID, cfg.Kiosk.Letter, cfg.Kiosk.Organization, cfg.Kiosk.Zone = "lobby-1", "A", "org", "Etc/UTC" // whose nights are all of one length
	cfg.Storage.Dir = filepath.Join(dir, "data")
	cfg.KeySource = config.KeySource{Kind: config.KeySourceKeyFile, File: filepath.Join(dir, "root.key")}
	cfg.Backup = config.Backup{Dir: filepath.Join(dir, "copies"), Keep: 3}
	if err := keyring.CreateKeyFile(cfg.KeySource.File); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{cfg.Storage.Dir, cfg.Backup.Dir} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	source := cfg.KeySource.Source()
	ring, err := keyring.Create(t.Context(), keyring.Dir(cfg.Storage.Dir), source, keyring.Options{Classes: Classes()})
	if err != nil {
		t.Fatal(err)
	}
	ring.Close()
	if err := still(t.Context(), cfg, Options{Logger: slog.New(slog.DiscardHandler)}, source, func(g *Gateway) error {
		work(g)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func (g *Gateway) copies(t *testing.T) (list []archive.File) {
	t.Helper()
	list, err := archive.List(g.cfg.Backup.Dir, string(g.self))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func (g *Gateway) alarm(t *testing.T, now time.Time, state doctor.State, want string) {
	t.Helper()
	got := doctor.StoreBackup(g.backupState, func() time.Time { return now }).Run(t.Context())
	if got.State != state || got.State.Bad() && got.Hint == "" || want != "" && got.Detail != want {
		t.Errorf("doctor: %+v, want %s %q", got, state, want)
	}
}

// acceptedEvents is how many events the store has taken: what is on record.
func (g *Gateway) acceptedEvents() uint64 { return g.store.Status().Counts.Accepted }

// A copy is made in the night's window when nobody is at the page, and long after it
// all the same; once a night; the oldest go, and what was left unfinished.
func TestNightlyBackup(t *testing.T) {
	t.Parallel()
	nightly(t, func(g *Gateway) {
		now := g.clock.Now().Wall
		for i := range 5 {
			if err := os.WriteFile(filepath.Join(g.cfg.Backup.Dir, archive.Name("lobby-1", now.AddDate(0, 0, -10-i))), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		unfinished := filepath.Join(g.cfg.Backup.Dir, archive.Name("lobby-1", now.AddDate(0, 0, -1))+".new")
		if err := os.WriteFile(unfinished, []byte("unfinished"), 0o600); err != nil {
			t.Fatal(err)
		}
		// The hour at which tonight's copy has been due for a minute.
		due := now.Add(-time.Minute - spread("lobby-1")).In(g.cfg.Kiosk.Location())
		midnight := time.Date(due.Year(), due.Month(), due.Day(), 0, 0, 0, 0, due.Location())
		g.cfg.Backup.At.Duration = due.Sub(midnight).Truncate(time.Minute)
		g.backups.last = now.Add(-23 * time.Hour)

		g.night(t.Context(), now, false)
		if len(g.copies(t)) != 5 {
			t.Error("it was made while a patient was at the page")
		}
		g.night(t.Context(), now.Add(-time.Hour), true)
		if len(g.copies(t)) != 5 {
			t.Error("it was made before its hour")
		}
		g.night(t.Context(), now, true)
		list := g.copies(t)
		if len(list) != 3 || list[2].Size < 10<<10 {
			t.Fatalf("kept: %+v", list)
		}
		if _, err := os.Stat(unfinished); err == nil {
			t.Error("what was unfinished is still there")
		}
		g.alarm(t, now, doctor.Warn, "the backups lie on the store's own disk and die with it; the last good copy is 0 h old")
		before := g.acceptedEvents()
		g.night(t.Context(), now.Add(time.Minute), true)
		if again := g.copies(t); len(again) != 3 || again[2].Path != list[2].Path || g.acceptedEvents() != before {
			t.Errorf("made twice in a night: %+v", again)
		}
		g.backups.last = now.Add(-30 * time.Hour)
		time.Sleep(time.Until(list[2].Made.Add(time.Second))) // names are by the second
		g.night(t.Context(), now.Add(backupPatient), false)
		if again := g.copies(t); again[2].Path == list[2].Path {
			t.Error("it was not made although it has been due for hours")
		}
	})
}

// A folder that is not there is an alarm with its reason, on record once, tried again
// after a while only, and over when it is back.
func TestNightlyBackupWithoutItsFolder(t *testing.T) {
	t.Parallel()
	nightly(t, func(g *Gateway) {
		now := g.clock.Now().Wall
		if err := os.Remove(g.cfg.Backup.Dir); err != nil {
			t.Fatal(err)
		}
		before := g.acceptedEvents()
		g.night(t.Context(), now, true)
		said := g.acceptedEvents()
		if said != before+1 {
			t.Errorf("%d events of one failure", said-before)
		}
		g.alarm(t, now, doctor.Warn, "there is no copy of the store yet: the folder is not there")
		for range 5 {
			g.backups.notBefore = time.Time{} // a while later
			g.night(t.Context(), now, true)
		}
		if g.acceptedEvents() != said {
			t.Error("a failure that goes on is recorded again and again")
		}
		if err := os.Mkdir(g.cfg.Backup.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		g.night(t.Context(), now, true)
		if len(g.copies(t)) != 0 {
			t.Error("it was tried again at once")
		}
		g.backups.notBefore = time.Time{}
		g.night(t.Context(), now, true)
		if len(g.copies(t)) != 1 || g.backupState().Problem != "" {
			t.Errorf("%+v, %v", g.copies(t), g.backupState())
		}
	})
}

// An old copy that stays is said, and is no reason to make another and another.
func TestNightlyBackupWhereOldOnesStay(t *testing.T) {
	t.Parallel()
	nightly(t, func(g *Gateway) {
		now := g.clock.Now().Wall
		for i := range 3 {
			if err := os.WriteFile(filepath.Join(g.cfg.Backup.Dir, archive.Name("lobby-1", now.AddDate(0, 0, -10-i))), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		g.backups.prune = func(string, string, int, time.Time) error { return fs.ErrPermission } // a share that takes and does not give
		for range 3 {
			g.backups.notBefore = time.Time{}
			g.night(t.Context(), now, true)
			time.Sleep(1100 * time.Millisecond) // names are by the second
		}
		if list := g.copies(t); len(list) != 4 {
			t.Errorf("kept: %+v", list)
		}
		g.alarm(t, now, doctor.Warn, "old copies cannot be removed, and will fill the folder; the last good copy is 0 h old")
	})
}

// A copy that was made while the clock was ahead keeps no night from having its own.
func TestNightlyBackupAfterTheClockWasAhead(t *testing.T) {
	t.Parallel()
	nightly(t, func(g *Gateway) {
		now := g.clock.Now().Wall
		g.backups.last = now.AddDate(1, 0, 0)
		g.alarm(t, now, doctor.Warn, "the last copy was made while the clock was ahead")
		g.night(t.Context(), now, true)
		if len(g.copies(t)) != 1 || g.backupState().Last.After(now.Add(time.Hour)) {
			t.Errorf("%+v, %+v", g.copies(t), g.backupState())
		}
	})
}
