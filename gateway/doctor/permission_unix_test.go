//go:build unix

package doctor_test

import (
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"clinicgate/gateway/doctor"
	"clinicgate/gateway/service"
)

// What another account has put back is its own, and the service's may not use it.
func TestFileOwner(t *testing.T) {
	store := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(store, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	files := func() []doctor.Guarded { return []doctor.Guarded{{Path: store, Mode: 0o640, Uses: 0o6}} }
	look := func(account string) doctor.Result {
		return doctor.FileOwner(files, tells(func(s *service.State) { s.Account = account })).Run(t.Context())
	}
	if got := look("nobody"); got.State != doctor.Fail || !strings.Contains(got.Detail, "nobody and may not use "+store) {
		t.Errorf("%+v", got)
	}
	owner := "nobody"
	if os.Geteuid() == 0 {
		if err := os.Chown(store, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	} else { // nobody else's to give away
		own, err := user.Current()
		if err != nil {
			t.Fatal(err)
		}
		owner = own.Username
	}
	if got := look(owner); got.State != doctor.OK {
		t.Errorf("%+v", got)
	}
}
