package sbom

import (
	"encoding/json"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

func goSays(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

func sources(t *testing.T) Sources {
	return Sources{Cache: goSays(t, "env", "GOMODCACHE"), Go: goSays(t, "env", "GOROOT"), Tree: "../.."}
}

// linked is what the linker would put into the program of a target.
func linked(t *testing.T, goos string) *debug.BuildInfo {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}}{{end}}", "clinicgate/cmd/clinicgate")
	cmd.Env = append(cmd.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	info := &debug.BuildInfo{GoVersion: "go1.26"}
	seen := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		path, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		if version != "" && !seen[path] {
			seen[path] = true
			info.Deps = append(info.Deps, &debug.Module{Path: path, Version: version, Sum: "h1:x"})
		}
	}
	return info
}

// TestLicences is the gate: what is shipped has licences that somebody read.
func TestLicences(t *testing.T) {
	from := sources(t)
	for _, goos := range []string{"linux", "windows"} {
		all, err := List(linked(t, goos), from)
		if err != nil {
			t.Fatal(err)
		}
		if err := Gate(all); err != nil {
			t.Errorf("%s:\n%v", goos, err)
		}
		if len(all) < 20 {
			t.Errorf("%s: only %d components", goos, len(all))
		}
		pubnub := 0
		for _, c := range all {
			if c.Licence == PubNub {
				pubnub++
			}
			if len(c.Texts) == 0 {
				t.Errorf("%s: %s has no licence's text", goos, c.Name)
			}
		}
		if pubnub != 1 {
			t.Errorf("%s: %d components under PubNub's licence, want its SDK alone", goos, pubnub)
		}
		if texts := Texts(all); !strings.Contains(texts, "PubNub Software Development Kit License") || !strings.Contains(texts, "SIL OPEN FONT LICENSE") {
			t.Errorf("%s: a licence is missing in the texts", goos)
		}
	}
}

func TestGateRefuses(t *testing.T) {
	for name, c := range map[string]Component{
		"unknown":             {Name: "example.org/x", Version: "v1.0.0"},
		"copyleft":            {Name: "example.org/x", Version: "v1.0.0", Licence: "GPL-3.0"},
		"PubNub's, elsewhere": {Name: "example.org/x", Version: "v1.0.0", Licence: PubNub},
	} {
		if err := Gate([]Component{{Name: "ok", Licence: "MIT"}, c}); err == nil || !strings.Contains(err.Error(), "example.org/x v1.0.0") || strings.Contains(err.Error(), "ok") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBill(t *testing.T) {
	all := []Component{
		{Name: "example.org/a", Version: "v1.0.0", Licence: "MIT", Sum: "h1:abc", Texts: []string{"one"}},
		{Name: pubnubModule, Version: "v7.4.0", Licence: PubNub, Sum: "h1:def", Texts: []string{"two"}},
		{Name: "std", Version: "1.26.8", Licence: "BSD-3-Clause", Texts: []string{"one"}},
	}
	p := Product{Version: "1.4.0", Target: "linux/amd64", SHA256: make([]byte, 32), Made: time.Unix(1_700_000_000, 0)}
	text, err := Bill(p, all)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := Bill(p, all)
	if string(again) != string(text) {
		t.Error("two bills of one product differ")
	}
	var got struct {
		BomFormat  string
		Metadata   struct{ Timestamp string }
		Components []struct {
			Purl     string
			Licenses []struct{ License struct{ ID, Name string } }
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.BomFormat != "CycloneDX" || got.Metadata.Timestamp != "2023-11-14T22:13:20Z" || len(got.Components) != 3 ||
		got.Components[0].Purl != "pkg:golang/example.org/a@v1.0.0" || got.Components[1].Licenses[0].License.Name != PubNub || got.Components[2].Purl != "pkg:golang/std@1.26.8" {
		t.Errorf("%s", text)
	}
	if s := Texts(all); strings.Count(s, "one") != 1 || !strings.Contains(s, "example.org/a v1.0.0\nstd 1.26.8\n\none") {
		t.Errorf("%s", s)
	}
}
