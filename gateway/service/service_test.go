package service

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// What an upgrade replaces is what the service manager starts, or nothing.
func TestUpgrades(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	err = errors.Join(os.WriteFile(at("clinicgate"), nil, 0o755), os.WriteFile(at("copy"), nil, 0o755), os.Link(at("clinicgate"), at("second")))
	spelled := at("CLINICgate") // Windows cares not; to make a link there takes a right
	if runtime.GOOS != "windows" {
		spelled = at("link")
		err = errors.Join(err, os.Symlink(at("clinicgate"), spelled))
	}
	if err != nil {
		t.Fatal(err)
	}
	for what, test := range map[string]struct {
		installed State
		called    string
		want      string // or
		refusal   string
		hint      string
	}{
		"itself":             {State{Program: at("clinicgate")}, at("clinicgate"), at("clinicgate"), "", ""},
		"spelled otherwise":  {State{Program: spelled}, at("clinicgate"), at("clinicgate"), "", ""},
		"by its other name":  {State{Program: at("clinicgate")}, at("second"), at("clinicgate"), "", ""},
		"a copy":             {State{Program: at("clinicgate")}, at("copy"), "", "the service runs " + at("clinicgate"), "run `" + at("clinicgate") + " upgrade"},
		"nothing there":      {State{Program: at("gone")}, at("clinicgate"), "", "is not there: " + at("gone"), "service install"},
		"not told":           {State{}, at("copy"), at("copy"), "", ""},
		"through another":    {State{Program: at("clinicgate"), wrapped: true}, at("copy"), at("copy"), "", ""},
		"the caller is gone": {State{Program: at("clinicgate")}, at("gone"), "", "gone", ""},
	} {
		got, err := test.installed.Upgrades(test.called)
		switch {
		case test.refusal == "" && (err != nil || got != test.want):
			t.Errorf("%s: %q, %v; want %q", what, got, err, test.want)
		case test.refusal != "":
			e, _ := errors.AsType[*Error](err)
			if err == nil || !strings.Contains(err.Error(), test.refusal) || test.hint != "" && (e == nil || !strings.Contains(e.Hint(), test.hint)) {
				t.Errorf("%s: %q, %v", what, got, err)
			}
		}
	}
}
