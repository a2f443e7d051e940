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

// A service that is started through another program does not tell which is its own.
func TestWrapped(t *testing.T) {
	for line, want := range map[string]bool{
		"{ path=/usr/local/bin/clinicgate ; argv[]=/usr/local/bin/clinicgate run --service --config /etc/c.toml ; ignore_errors=no ; start_time=[n/a] }": false,
		"{ path=/opt/my gate/clinicgate ; argv[]=/opt/my gate/clinicgate run --service ; ignore_errors=no ; start_time=[n/a] }":                          false,
		"{ path=/usr/bin/nice ; argv[]=/usr/bin/nice -n 5 /usr/local/bin/clinicgate run --service ; ignore_errors=no ; start_time=[n/a] }":               true,
	} {
		if s := parseShow("LoadState=loaded\nExecStart=" + line + "\n"); s.wrapped != want || s.Program == "" {
			t.Errorf("%s: %+v", line, s)
		}
	}
}
