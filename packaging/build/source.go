package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// source is what is packaged.
type source struct {
	root    string // the repository
	made    time.Time
	named   string // the version, where it was named by hand
	version string // of the product: "1.4.0", or "0.0.0+20261122212000.79faff9abcde" between releases
	windows string // the same in the three numbers that Windows Installer compares
}

func readSource(ctx context.Context, named string) (s source, err error) {
	root, err := output(ctx, "", nil, "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return s, err
	}
	s = source{root: root, named: named}
	commit, err := output(ctx, root, nil, "git", "log", "-1", "--format=%ct %H")
	if err != nil {
		return s, fmt.Errorf("packages are made from a commit: %w", err)
	}
	epoch, hash, _ := strings.Cut(commit, " ")
	if set := os.Getenv("SOURCE_DATE_EPOCH"); set != "" {
		epoch = set
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return s, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	s.made = time.Unix(seconds, 0).UTC()
	if named == "" {
		if named, err = output(ctx, root, nil, "git", "describe", "--tags", "--match", "v[0-9]*", "--exact-match"); err != nil {
			named = ""
		}
		dirty, err := output(ctx, root, nil, "git", "status", "--porcelain")
		if err != nil {
			return s, err
		}
		if named == "" {
			named = "0.0.0+" + s.made.Format("20060102150405") + "." + hash[:12]
		}
		if dirty != "" {
			named = strings.Replace(named, "+", "+dirty.", 1)
			if !strings.Contains(named, "+") {
				named += "+dirty"
			}
		}
	}
	s.version = strings.TrimPrefix(named, "v")
	s.windows, err = windowsVersion(s.version, s.made)
	return s, err
}

// versionForm has no hyphen: Debian and RPM give it a meaning of their own.
var versionForm = regexp.MustCompile(`^(\d{1,3})\.(\d{1,3})\.(\d{1,5})([+~][0-9A-Za-z.+~]+)?$`)

// windowsVersion gives the three numbers of a version. Between releases the third
// is the days since 2020, so that a later build is an upgrade.
func windowsVersion(version string, made time.Time) (string, error) {
	m := versionForm.FindStringSubmatch(version)
	if m == nil {
		return "", fmt.Errorf("version %q: want three numbers such as 1.4.0, and at most a part that begins with + or ~", version)
	}
	if m[1] == "0" && m[2] == "0" && m[3] == "0" {
		return fmt.Sprintf("0.0.%d", int(made.Sub(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)).Hours()/24)), nil
	}
	return m[1] + "." + m[2] + "." + m[3], nil
}

// output runs a program and gives what it wrote, without the end of its last line.
func output(ctx context.Context, dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var told bytes.Buffer
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		said := strings.TrimSpace(told.String() + string(out))
		if len(said) > 2000 {
			said = "... " + said[len(said)-2000:]
		}
		return "", fmt.Errorf("%s: %w: %s", name, err, said)
	}
	return strings.TrimRight(string(out), "\n"), nil
}

// programs builds clinicgate for each target.
func (b *build) programs(ctx context.Context, wanted []target) error {
	flags := "-s -w"
	if b.named != "" {
		flags += " -X main.version=" + b.version
	}
	if b.keys.release != nil { // a release takes the releases after it by the key that signed it
		flags += " -X main.releaseKey=" + b.keys.release.Public().String()
	}
	for _, t := range wanted {
		env := []string{"GOOS=" + t.os, "GOARCH=" + t.arch, "GOARM=7", "CGO_ENABLED=0", "GOFLAGS="}
		if _, err := output(ctx, b.root, env, "go", "build", "-trimpath", "-buildvcs=true", "-ldflags", flags, "-o", b.program(t), "./cmd/clinicgate"); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		if t.os == "windows" {
			if err := b.authenticode(ctx, b.program(t)); err != nil {
				return err
			}
		}
	}
	return nil
}

// program is where the program of a target is.
func (b *build) program(t target) string {
	name := "clinicgate"
	if t.os == "windows" {
		name += ".exe"
	}
	return filepath.Join(b.work, t.os+"_"+t.name, name)
}

// papers makes what is written from the commands and the config.
func (b *build) papers(ctx context.Context, _ []target) error {
	if _, err := output(ctx, b.root, []string{"CGO_ENABLED=0"}, "go", "run", "-tags", "manual", "./cmd/clinicgate", b.paper(""), b.version, strconv.FormatInt(b.made.Unix(), 10)); err != nil {
		return err
	}
	for _, system := range []string{"linux", "windows"} {
		args := append([]string{"run", "./cmd/clinicgate", "config", "init", "--path", b.sample(system)}, elsewhere(system)...)
		if _, err := output(ctx, b.root, []string{"CGO_ENABLED=0"}, "go", args...); err != nil {
			return err
		}
	}
	return nil
}

// elsewhere are the settings by which a sample of another system differs from this
// machine's: the defaults of gateway/config there.
func elsewhere(system string) (sets []string) {
	if system != "windows" {
		return nil
	}
	for _, set := range []string{`storage.dir=C:\ProgramData\clinicgate\data`, `key_source.file=C:\ProgramData\clinicgate\passphrase`,
		`upgrade.dir=C:\ProgramData\clinicgate\upgrade`, `control.path=\\.\pipe\clinicgate`, "control.roles.kiosk_session=[]"} {
		sets = append(sets, "--set", set)
	}
	return sets
}

// sample is the sample config of a system.
func (b *build) sample(system string) string { return b.paper(system + "/config.sample.toml") }

// paper is where a text that the build makes is.
func (b *build) paper(name string) string { return filepath.Join(b.work, "papers", name) }
