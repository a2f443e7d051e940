package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"clinicgate/gateway/upgrade/signature"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	out := flags.String("out", "dist", "folder that gets the packages; what it held is removed")
	version := flags.String("version", "", "version, such as 1.4.0 (default: of the commit)")
	only := flags.String("only", "", "targets, such as linux/amd64,windows/amd64 (default: all four)")
	newKey := flags.String("new-key", "", "make a signing key in this new file, its public half in FILE.pub, and nothing else")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("%q is not an option; -h lists them", flags.Arg(0))
	}
	if *newKey != "" {
		return makeKey(*newKey)
	}
	wanted, err := pick(*only)
	if err != nil {
		return err
	}
	k, err := readKeys()
	if err != nil {
		return err
	}
	s, err := readSource(ctx, *version)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "clinicgate-packages-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	b := &build{source: s, keys: k, work: work, out: filepath.Join(work, "dist")}
	if err := os.Mkdir(b.out, 0o755); err != nil {
		return err
	}
	if err := b.all(ctx, wanted); err != nil {
		return err
	}
	if err := replace(b.out, *out); err != nil {
		return err
	}
	return b.report(*out)
}

// build is one run: everything is made in a folder of its own, and handed over
// when all of it is there.
type build struct {
	source
	keys keys
	work string
	out  string
}

func (b *build) all(ctx context.Context, wanted []target) error {
	for _, step := range []struct {
		what string
		do   func(context.Context, []target) error
	}{
		{"programs", b.programs}, {"man pages, completions, sample config", b.papers}, {"licences and SBOM", b.bills},
		{"tar.gz and zip", b.archives}, {"deb and rpm", b.linuxPackages}, {"msi", b.windowsPackage}, {"sums and signatures", b.sums},
	} {
		began := time.Now()
		if err := step.do(ctx, wanted); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		fmt.Fprintf(os.Stderr, "%-40s %5.1f s\n", step.what, time.Since(began).Seconds())
	}
	return nil
}

// report says what there is, and what is unsigned.
func (b *build) report(out string) error {
	entries, err := os.ReadDir(out)
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Printf("%11d %s\n", info.Size(), filepath.Join(out, e.Name()))
	}
	if b.keys.release == nil {
		fmt.Println("UNSIGNED: CLINICGATE_SIGNING_KEY names no key, so `clinicgate upgrade` will refuse these files")
	}
	if b.keys.authenticode == "" {
		fmt.Println("UNSIGNED for Windows: CLINICGATE_AUTHENTICODE_P12 names no certificate")
	}
	return nil
}

// replace puts a finished folder where an older one may be.
func replace(made, at string) error {
	if err := os.RemoveAll(at); err != nil {
		return err
	}
	return os.CopyFS(at, os.DirFS(made))
}

func makeKey(path string) error {
	k, err := signature.NewPrivate()
	if err != nil {
		return err
	}
	write := func(path, text string, mode os.FileMode) error {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if err != nil {
			return err
		}
		_, err = f.WriteString(text)
		return errors.Join(err, f.Close())
	}
	public := k.Public()
	if err := write(path, k.Text(), 0o600); err != nil {
		return err
	}
	text := "untrusted comment: minisign public key " + public.ID() + "\n" + public.String() + "\n"
	if err := write(path+".pub", text, 0o644); err != nil {
		return err
	}
	fmt.Printf("made %s; kiosks need %s.pub:\n%s", path, path, text)
	return nil
}

// keys are what a release is signed with.
type keys struct {
	release              *signature.Private
	authenticode         string // a PKCS #12 file
	authenticodePassword string // the file of its password; "" where it has none
}

func readKeys() (k keys, err error) {
	if path := os.Getenv("CLINICGATE_SIGNING_KEY"); path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return k, fmt.Errorf("CLINICGATE_SIGNING_KEY: %w", err)
		}
		p, err := signature.ParsePrivate(string(text))
		if err != nil {
			return k, fmt.Errorf("CLINICGATE_SIGNING_KEY: %s: %w", path, err)
		}
		k.release = &p
	}
	if path := os.Getenv("CLINICGATE_AUTHENTICODE_P12"); path != "" {
		if _, err := os.Stat(path); err != nil {
			return k, fmt.Errorf("CLINICGATE_AUTHENTICODE_P12: %w", err)
		}
		k.authenticode, k.authenticodePassword = path, os.Getenv("CLINICGATE_AUTHENTICODE_PASSWORD_FILE")
	}
	return k, nil
}

// A target is a machine that packages are made for, in the words of each format.
type target struct {
	os, arch  string // Go's
	name, rpm string // Debian's and RPM's architecture
}

func (t target) String() string { return t.os + "/" + t.arch }

// targets are the four of the product. GOARM is 7.
func targets() []target {
	return []target{
		{"linux", "amd64", "amd64", "x86_64"},
		{"linux", "arm64", "arm64", "aarch64"},
		{"linux", "arm", "armhf", "armv7hl"},
		{"windows", "amd64", "amd64", ""},
	}
}

func pick(only string) (wanted []target, err error) {
	if only == "" {
		return targets(), nil
	}
	for _, name := range strings.Split(only, ",") {
		found := false
		for _, t := range targets() {
			if t.String() == name {
				wanted, found = append(wanted, t), true
			}
		}
		if !found {
			return nil, fmt.Errorf("-only: no target %q", name)
		}
	}
	return wanted, nil
}
