package gateway

import (
	"fmt"
	"io/fs"
	"testing"

	"clinicgate/gateway/doctor"
)

// An ordinary account may not read the config, and is not told that the kiosk's
// config is broken: that would hide what is.
func TestAConfigThatIsKeptFromAnAccountIsNoFault(t *testing.T) {
	missing := t.TempDir() + "/config.toml"
	for _, c := range []struct {
		err  error
		want doctor.State
	}{
		{fmt.Errorf("cannot read config: %w", &fs.PathError{Op: "open", Path: missing, Err: fs.ErrPermission}), doctor.Skipped},
		{fmt.Errorf("cannot read config: %w", &fs.PathError{Op: "open", Path: missing, Err: fs.ErrNotExist}), doctor.Fail},
	} {
		if got := configCheck(missing, c.err).Run(t.Context()); got.State != c.want {
			t.Errorf("%v: %+v, want %s", c.err, got, c.want)
		}
	}
}
