package service

import (
	"strings"
	"testing"
)

// In the journal what the program ends with is an error; what the log has marked, and
// what a crash prints, is left as it is.
func TestErrorLines(t *testing.T) {
	var out strings.Builder
	const said = "error: no keyring\nerror: and no config\nhint: make one\n<6>component=page msg=m\ngoroutine 1 [running]:\n"
	if n, err := (errorLines{&out}).Write([]byte(said)); n != len(said) || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if want := "<3>error: no keyring\n<3>error: and no config\n<3>hint: make one\n<6>component=page msg=m\ngoroutine 1 [running]:\n"; out.String() != want {
		t.Errorf("%q", out.String())
	}
}
