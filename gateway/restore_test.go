package gateway_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/storage/keyring"
)

// A file that is no backup of this kiosk, or no longer a whole one, is refused with a
// next step, on the kiosk itself and on the one that replaces it, and changes nothing.
func TestBackupsThatAreRefusedSayWhatToDo(t *testing.T) {
	t.Parallel()
	old := newClinic(t)
	private, _ := recoverable(t, old)
	file := filepath.Join(t.TempDir(), "night.cgbackup")
	if _, err := old.control.StoreBackup(t.Context(), control.StoreBackup{To: file}, func(control.Progress) {}); err != nil {
		t.Fatal(err)
	}
	if err := old.stop(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	other, err := keyring.NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	next := old.successor()
	changed := bytes.Clone(whole)
	changed[len(changed)/2] ^= 1
	newer := bytes.Clone(whole)
	newer[4] = 99 // the form, after the magic
	o := gateway.Options{Logger: slog.New(slog.DiscardHandler), Version: "test"}
	elsewhere := func(c config.Config) config.Config { c.Kiosk.Organization = "elsewhere"; return c }
	for _, c := range []struct {
		name string
		file []byte
		key  *keyring.RecoveryPrivate
		of   func(config.Config) config.Config
		says string
	}{
		{"empty", nil, &private, nil, "does not begin like one"},
		{"another file", []byte("%PDF-1.7 and so on, for as long as a header"), &private, nil, "does not begin like one"},
		{"cut in the header", whole[:40], &private, nil, "damaged or cut short"},
		{"cut short", whole[:len(whole)*3/4], &private, nil, "damaged or cut short"},
		{"without its last byte", whole[:len(whole)-1], &private, nil, "damaged or cut short"},
		{"longer", append(bytes.Clone(whole), 0), &private, nil, "damaged or cut short"},
		{"changed", changed, &private, nil, "damaged or cut short"},
		{"of a later version", newer, &private, nil, "newer"},
		{"another recovery key", whole, &other, nil, "recovery key does not fit"},
		{"another clinic", whole, &private, elsewhere, "this is a backup of "},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(file, c.file, 0o600); err != nil {
				t.Fatal(err)
			}
			r := gateway.Restore{File: file, Private: c.key, Leave: true, By: kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ada"}}
			mine, theirs := old.cfg, next.cfg
			if c.of != nil {
				mine, theirs = c.of(mine), c.of(theirs)
			}
			_, here := r.On(t.Context(), mine, o)
			_, there := r.Replace(t.Context(), theirs)
			for where, err := range map[string]error{"on the kiosk": here, "on its replacement": there} {
				var hint interface{ Hint() string }
				if err == nil || !strings.Contains(err.Error(), c.says) || !errors.As(err, &hint) || hint.Hint() == "" {
					t.Errorf("%s: %v, hint %v", where, err, hint)
				}
			}
			for _, dir := range []string{old.cfg.Storage.Dir, next.cfg.Storage.Dir} {
				for _, pattern := range []string{"restore.*", "set-aside-*", "predecessors/*", "meanwhile.json"} {
					if left, _ := filepath.Glob(filepath.Join(dir, pattern)); len(left) > 0 {
						t.Errorf("left: %v", left)
					}
				}
			}
		})
	}
}
