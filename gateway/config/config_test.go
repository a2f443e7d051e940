package config_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"clinicgate/gateway/config"
	"clinicgate/storage/keyring"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want = bytes.ReplaceAll(want, []byte("\r\n"), []byte("\n"))
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got; -update rewrites it):\n%s", name, diff)
	}
}

func TestLoad(t *testing.T) {
	c, err := config.Load(filepath.Join("testdata", "clinic.toml"))
	if err != nil {
		t.Fatal(err)
	}
	folder, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []struct{ what, got, want string }{
		{"storage.dir", c.Storage.Dir, filepath.Join(folder, "data")},
		{"key_source.file", c.KeySource.File, filepath.Join(folder, "keys", "root.key")},
		{"control.path", c.Control.Path, filepath.Join(folder, "control.sock")},
		{"pubnub.token_file", c.PubNub.TokenFile, ""},
		{"user", c.User(), "lobby-1"},
		{"zone", c.Kiosk.Location().String(), "America/New_York"},
		{"device.suffix", c.Devices[0].Suffix, "\r"},
		{"department.where", c.Departments[0].Where["en"], "Second floor, blue chairs"},
		{"desk", fmt.Sprint(c.Control.Roles.Desk), "[group:clinic-desk user:anna]"},
	} {
		if p.got != p.want {
			t.Errorf("%s = %q, want %q", p.what, p.got, p.want)
		}
	}
	if c.Storage.Budget.Bytes != 512<<20 || c.Queue.NoShowAfter.Duration != 10*time.Minute {
		t.Errorf("budget %v, no_show_after %v", c.Storage.Budget, c.Queue.NoShowAfter)
	}
	if c.Queue.Grace != config.Default().Queue.Grace || !c.Sync.Compress {
		t.Error("a key that the file does not name lost its default")
	}
}

func TestLoadRefusesHugeAndMissingFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "big.toml")
	if err := os.WriteFile(path, bytes.Repeat([]byte("#\n"), 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path); err == nil || !strings.Contains(err.Error(), "larger than 1 MiB") {
		t.Errorf("Load of 2 MiB: %v", err)
	}
	if _, err := config.Load(path + ".none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Load of nothing: %v", err)
	}
}

// Every problem of a file comes out at once, with its line, and without what
// must not be shown.
func TestProblems(t *testing.T) {
	_, err := config.Load(filepath.Join("testdata", "broken.toml"))
	problems, ok := errors.AsType[config.Problems](err)
	if !ok {
		t.Fatalf("Load: %v, want Problems", err)
	}
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintln(&b, p.Error())
		if p.Hint != "" {
			fmt.Fprintln(&b, "    hint:", p.Hint)
		}
	}
	golden(t, "broken.golden", b.String())
	for _, secret := range []string{"hunter2", "NTA1ZTVkYzct"} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("a secret of the file is shown: %s", secret)
		}
	}
	if problems.Hint() == "" {
		t.Error("no hint for many problems")
	}
}

func TestNotTOML(t *testing.T) {
	for name, text := range map[string]string{
		"unclosed table": "[kiosk\nid = 1\n",
		"twice":          "[kiosk]\nid = \"a\"\nid = \"b\"\n",
		"open string":    "[kiosk]\nid = \"a\n",
		"deep":           "a = " + strings.Repeat("[", 100_000),
	} {
		_, err := config.Parse([]byte(text), t.TempDir())
		problems, ok := errors.AsType[config.Problems](err)
		if !ok || len(problems) != 1 || problems[0].Line == 0 || problems[0].Hint == "" {
			t.Errorf("%s: %#v, want one problem with a line and a hint", name, err)
		}
	}
}

func TestExplain(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "clinic.toml"))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := config.Explain(data, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range lines {
		if e.Line > 0 {
			fmt.Fprintf(&b, "%d: %s = %s\n    %s\n", e.Line, e.Path, e.Value, e.Doc)
		}
	}
	golden(t, "clinic.explain.golden", b.String())
}

// keys.toml explains every key there is, and nothing else.
func TestEveryKeyIsExplained(t *testing.T) {
	lines, err := config.Explain([]byte(strings.ReplaceAll(config.Sample(config.Default()), "\n#", "\n# ")), t.TempDir())
	if err == nil {
		t.Fatal("the untouched sample has no problem: required keys have no value yet")
	}
	explained := map[string]bool{}
	for _, e := range lines {
		if e.Doc == "" {
			t.Errorf("%s has no explanation", e.Path)
		}
		explained[strings.ReplaceAll(e.Path, "[1]", "")] = true
	}
	for _, key := range config.Keys() {
		if !explained[key] && !strings.HasPrefix(key, "device.") && !strings.HasPrefix(key, "staff.") &&
			!strings.HasPrefix(key, "mqtt.client.") && !strings.HasPrefix(key, "mqtt.map.") {
			t.Errorf("keys.toml does not explain %s", key)
		}
	}
}

// The file that `config init` writes lacks exactly what only the clinic knows,
// and its commented-out examples are correct.
func TestSample(t *testing.T) {
	sample := config.Sample(config.Default())
	_, err := config.Parse([]byte(sample), t.TempDir())
	problems, _ := errors.AsType[config.Problems](err)
	var missing []string
	for _, p := range problems {
		if p.Line == 0 {
			t.Errorf("%v has no line", p)
		}
		missing = append(missing, p.Path)
	}
	want := []string{"kiosk.id", "kiosk.letter", "kiosk.site", "kiosk.organization", "kiosk.zone", "pubnub.publish_key", "pubnub.subscribe_key"}
	if diff := cmp.Diff(want, missing); diff != "" {
		t.Fatalf("problems of the sample (-want +got):\n%s", diff)
	}

	c := config.Default()
	for path, value := range map[string]string{
		"kiosk.id": "lobby-1", "kiosk.letter": "A", "kiosk.site": "main", "kiosk.organization": `"riverside"`,
		"kiosk.zone": "Europe/Madrid", "kiosk.languages": `["en", "es"]`, "pubnub.publish_key": "demo", "pubnub.subscribe_key": "demo",
	} {
		if err := c.Set(path, value); err != nil {
			t.Fatalf("Set(%s): %v", path, err)
		}
	}
	filled := config.Sample(c)
	filled = strings.NewReplacer("#[[staff]]", "[[staff]]", "\n#name", "\nname", "\n#roles", "\nroles", "#[[mqtt.client]]", "[[mqtt.client]]", "\n#kind = \"device", "\nkind = \"device", "#[[device]]", "[[device]]", "\n#id", "\nid", "\n#class", "\nclass", "\n#port", "\nport").Replace(filled)
	got, err := config.Parse([]byte(filled), t.TempDir())
	if err != nil {
		t.Fatalf("the filled sample: %v", err)
	}
	if got.Kiosk.Zone != "Europe/Madrid" || len(got.Devices) != 1 || len(got.Staff) != 1 || got.Staff[0].Roles[0] != config.StaffDesk {
		t.Errorf("the filled sample lost values: %+v", got)
	}
}

func TestSet(t *testing.T) {
	c := config.Default()
	if err := c.Set("web.idle", "90s"); err != nil || c.Web.Idle.Duration != 90*time.Second {
		t.Errorf("Set(web.idle): %v, idle %v", err, c.Web.Idle)
	}
	if err := c.Set("kiosk.id", "lobby-1\nx = 1"); err == nil {
		t.Error("Set takes two lines")
	}
	err := c.Set("kiosk.zoen", "UTC")
	problems, _ := errors.AsType[config.Problems](err)
	if len(problems) != 1 || problems[0].Hint != "did you mean kiosk.zone?" {
		t.Errorf("Set of an unknown key: %v", err)
	}
}

func TestRenderRoundTrip(t *testing.T) {
	c, err := config.Load(filepath.Join("testdata", "clinic.toml"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := config.Parse([]byte(config.Render(c)), "/elsewhere")
	if err != nil {
		t.Fatalf("%v in\n%s", err, config.Render(c))
	}
	if config.Render(again) != config.Render(c) {
		t.Error(cmp.Diff(config.Render(c), config.Render(again)))
	}
}

func TestRenderHidesSecrets(t *testing.T) {
	c := config.Default()
	c.PubNub.Proxy = "http://jo:hunter2@proxy.example:3128"
	c.PubNub.PublishKey = "sec-c-NTA1ZTVkYzct"
	for _, text := range []string{config.Render(c), config.Sample(c)} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, "NTA1") {
			t.Errorf("a secret is shown in\n%s", text)
		}
	}
}

func TestUnits(t *testing.T) {
	for text, want := range map[string]int64{"1GiB": 1 << 30, "1.5KiB": 1536, "2 MB": 2e6, "10B": 10, "0B": 0} {
		var s config.Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s.Bytes != want {
			t.Errorf("size %q = %d, %v, want %d", text, s.Bytes, err, want)
		}
	}
	for _, text := range []string{"", "1", "GiB", "-1GiB", "1e300TiB", "NaNB", "InfB", "1 gib"} {
		var s config.Size
		if err := s.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("size %q = %d, want an error", text, s.Bytes)
		}
	}
	for d, want := range map[time.Duration]string{time.Hour: "1h", 90 * time.Second: "1m30s", 5 * time.Minute: "5m", 0: "0s", 10 * time.Second: "10s"} {
		if got := (config.Duration{Duration: d}).String(); got != want {
			t.Errorf("duration %v = %q, want %q", d, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"clinic.toml", "broken.toml"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(config.Sample(config.Default())))
	f.Add([]byte("kiosk = 3\ndepartment = [{id = \"a\"}, 4]\n[control.roles]\nadmin = [\"user:a\", 1979-05-27]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = config.Explain(data, "/x")
		c, err := config.Parse(data, "/x")
		if err != nil {
			if problems, ok := errors.AsType[config.Problems](err); !ok || len(problems) == 0 {
				t.Fatalf("Parse: %#v, want Problems", err)
			}
			_ = err.Error()
			return
		}
		text := config.Render(c)
		again, err := config.Parse([]byte(text), "/x")
		if err != nil {
			t.Fatalf("what Render wrote does not parse: %v\n%s", err, text)
		}
		if config.Render(again) != text {
			t.Fatalf("Render is not stable:\n%s\n%s", text, config.Render(again))
		}
	})
}

func TestCheckFiles(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	c := config.Default()
	c.KeySource.File = write("passphrase", "correct horse battery", 0o600)
	if err := c.CheckFiles(); err != nil {
		t.Fatalf("a config whose files are right: %v", err)
	}
	c.KeySource.File = write("open", "correct horse battery", 0o644)
	c.PubNub.TokenFile = filepath.Join(folder, "missing")
	c.PubNub.CAFile = write("ca.pem", "no certificate", 0o644)
	c.Consent.Forms = c.PubNub.CAFile
	problems, _ := errors.AsType[config.Problems](c.CheckFiles())
	var paths []string
	for _, p := range problems {
		paths = append(paths, p.Path)
	}
	if diff := cmp.Diff([]string{"pubnub.token_file", "key_source.file", "consent.forms", "pubnub.ca_file"}, paths); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestControlPath(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "config.toml")
	if got := config.ControlPath(path); got != config.Default().Control.Path {
		t.Errorf("without a file: %q", got)
	}
	if err := os.WriteFile(path, []byte("ghost = 1\n[kiosk]\nid = 7\n[control]\npath = \"c.sock\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := config.ControlPath(path); got != filepath.Join(folder, "c.sock") {
		t.Errorf("of a file with mistakes: %q", got)
	}
}

func TestLongSocketPath(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "clinic.toml"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.Parse(data, "/"+strings.Repeat("x", 100))
	problems, _ := errors.AsType[config.Problems](err)
	if len(problems) != 1 || problems[0].Path != "control.path" || problems[0].Line == 0 {
		t.Errorf("a socket in a deep folder: %v", err)
	}
}

func TestKeySource(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "passphrase")
	if err := os.WriteFile(file, []byte("correct horse battery\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		source config.KeySource
		want   keyring.Strength
		err    bool
	}{
		{config.KeySource{Kind: config.KeySourcePassphrase, File: file}, keyring.StrengthPassphrase, false},
		{config.KeySource{Kind: config.KeySourcePassphrase, File: file + ".none"}, keyring.StrengthPassphrase, true},
		{config.KeySource{Kind: config.KeySourcePassphrase, FD: 900}, keyring.StrengthPassphrase, true},
		{config.KeySource{Kind: config.KeySourceKeyFile, File: file}, keyring.StrengthFile, true},
	} {
		s := c.source.Source()
		if s.Strength() != c.want {
			t.Errorf("%+v: strength %s", c.source, s.Strength())
		}
		p, ok := s.(keyring.Passphrase)
		if !ok {
			continue
		}
		if text, err := p.Read(t.Context()); (err != nil) != c.err || !c.err && string(text) != "correct horse battery\n" {
			t.Errorf("%+v: read %q, %v", c.source, text, err)
		}
	}
}

// Reading a passphrase from a file does not touch descriptor 0, not even when what
// was made on the way is collected.
func TestPassphraseFileLeavesStandardInput(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passphrase")
	if err := config.CreatePassphrase(path); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stdin.Stat()
	if err != nil {
		t.Fatal(err)
	}
	source := config.KeySource{Kind: config.KeySourcePassphrase, File: path}.Source().(keyring.Passphrase)
	for range 3 {
		if text, err := source.Read(t.Context()); err != nil || len(text) < 32 {
			t.Fatalf("%d bytes, %v", len(text), err)
		}
		runtime.GC()
		time.Sleep(20 * time.Millisecond) // finalizers have a goroutine of their own
	}
	after, err := os.Stdin.Stat()
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("standard input is another file now: %v", err)
	}
}
