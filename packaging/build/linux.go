package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// nfpm is the newest version whose dependencies all resolve.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.4"

// linuxPackages makes a deb and an rpm of each Linux target.
func (b *build) linuxPackages(ctx context.Context, wanted []target) error {
	var linux []target
	for _, t := range wanted {
		if t.os == "linux" {
			linux = append(linux, t)
		}
	}
	if len(linux) == 0 {
		return nil
	}
	tools := filepath.Join(b.work, "tools")
	if _, err := output(ctx, b.work, []string{"GOBIN=" + tools, "CGO_ENABLED=0", "GOFLAGS="}, "go", "install", nfpm); err != nil {
		return fmt.Errorf("%s cannot be had (it comes through the Go module proxy, once): %w", nfpm, err)
	}
	for _, t := range linux {
		for _, format := range []string{"deb", "rpm"} {
			if err := b.linuxPackage(ctx, filepath.Join(tools, "nfpm"), t, format); err != nil {
				return fmt.Errorf("%s, %s: %w", t, format, err)
			}
		}
	}
	return nil
}

// info and content are nfpm's configuration (https://nfpm.goreleaser.com/configuration/),
// which is YAML, and so may be JSON.
type info struct {
	Name        string            `json:"name"`
	Arch        string            `json:"arch"`
	Platform    string            `json:"platform"`
	Version     string            `json:"version"`
	Schema      string            `json:"version_schema"`
	Release     string            `json:"release,omitempty"`
	Section     string            `json:"section"`
	Priority    string            `json:"priority"`
	Maintainer  string            `json:"maintainer"`
	Vendor      string            `json:"vendor"`
	License     string            `json:"license"`
	Description string            `json:"description"`
	Made        string            `json:"mtime"`
	Umask       int               `json:"umask"`
	Depends     []string          `json:"depends"`
	Recommends  []string          `json:"recommends"`
	Suggests    []string          `json:"suggests"`
	Contents    []content         `json:"contents"`
	Scripts     map[string]string `json:"scripts"`
	RPM         map[string]string `json:"rpm"`
	Deb         map[string]any    `json:"deb"`
}

type content struct {
	From string `json:"src,omitempty"`
	To   string `json:"dst"`
	Type string `json:"type,omitempty"`
	Info struct {
		Mode  int    `json:"mode"`
		Owner string `json:"owner"`
		Group string `json:"group"`
		Made  string `json:"mtime"`
	} `json:"file_info"`
}

const description = `check-in kiosk gateway: durable, encrypted, online or not
clinicgate runs a waiting-room kiosk: it reads the check-in devices, serves
the check-in page, keeps every queue, consent and audit event in an encrypted
store before it says "done", and syncs to PubNub, encrypted and signed.
It links the PubNub Go SDK, whose licence is not open source.`

func (b *build) linuxPackage(ctx context.Context, tool string, t target, format string) error {
	files, err := b.installed(t, format)
	if err != nil {
		return err
	}
	papers := filepath.Join(b.work, format+"_"+t.name)
	if err := os.MkdirAll(papers, 0o755); err != nil {
		return err
	}
	if format == "deb" {
		own, err := b.debianPapers(papers, t)
		if err != nil {
			return err
		}
		files = append(files, own...)
	}
	made := b.made.Format(time.RFC3339)
	arch := t.name
	if t.arch == "arm" {
		arch = "arm7"
	}
	scripts := filepath.Join(b.root, "packaging", "linux", format)
	i := info{
		Name: "clinicgate", Arch: arch, Platform: "linux", Version: b.version, Schema: "none", Section: "net", Priority: "optional",
		Maintainer: "the clinicgate authors <clinicgate@example.org>", Vendor: "clinicgate", License: "Apache-2.0 AND LicenseRef-PubNub-SDK",
		Description: description, Made: made, Umask: 0o022,
		Scripts: map[string]string{"preremove": filepath.Join(scripts, "prerm"), "postinstall": filepath.Join(scripts, "postinst"), "postremove": filepath.Join(scripts, "postrm")},
		Deb:     map[string]any{"compression": "gzip"},
		RPM:     map[string]string{"buildhost": "localhost", "group": "Applications/Internet", "summary": strings.Split(description, "\n")[0], "compression": "zstd"},
	}
	name := "clinicgate_" + b.version + "_" + t.name + ".deb"
	switch format {
	case "deb":
		i.Depends = []string{"systemd (>= 247)", "udev", "ca-certificates"}
		i.Recommends = []string{"init-system-helpers"}
		i.Suggests = []string{"pcscd", "libccid", "chromium", "weston", "libpam-systemd"}
	case "rpm":
		i.Release = "1"
		i.Depends = []string{"systemd >= 247", "systemd-udev", "ca-certificates"}
		i.Suggests = []string{"pcsc-lite", "pcsc-lite-ccid", "chromium", "weston"}
		name = "clinicgate-" + b.version + "-1." + t.rpm + ".rpm"
	}
	for _, f := range files {
		c := content{From: f.from, To: f.to}
		c.Info.Mode, c.Info.Owner, c.Info.Group, c.Info.Made = int(f.mode), "root", "root", made
		if format == "rpm" && strings.HasPrefix(f.to, "/usr/share/doc/") {
			c.Type = "doc"
			if strings.HasSuffix(f.to, "/LICENSE") || strings.HasSuffix(f.to, "/THIRD-PARTY-LICENSES") {
				c.Type = "license"
			}
		}
		i.Contents = append(i.Contents, c)
	}
	if format == "rpm" { // which takes away only the folders that are a package's; dpkg takes empty ones too
		for _, folder := range docFolders(files) {
			c := content{To: folder, Type: "dir"}
			c.Info.Mode, c.Info.Owner, c.Info.Group, c.Info.Made = 0o755, "root", "root", made
			i.Contents = append(i.Contents, c)
		}
	}
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	config := filepath.Join(papers, "nfpm.yaml")
	if err := os.WriteFile(config, text, 0o644); err != nil {
		return err
	}
	env := []string{"SOURCE_DATE_EPOCH=" + strconv.FormatInt(b.made.Unix(), 10), "TZ=UTC"}
	_, err = output(ctx, b.root, env, tool, "package", "--packager", format, "--config", config, "--target", filepath.Join(b.out, name))
	return err
}

// docFolders are the folders of a package's documentation, which no other has.
func docFolders(files []file) (folders []string) {
	for _, f := range files {
		if folder := path.Dir(f.to); strings.HasPrefix(folder, "/usr/share/doc/") && !slices.Contains(folders, folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// debianPapers makes the changelog and the copyright as Debian's policy wants them
// (12.5 and 12.7).
func (b *build) debianPapers(folder string, t target) ([]file, error) {
	changelog := fmt.Sprintf("clinicgate (%s) stable; urgency=medium\n\n  * See /usr/share/doc/clinicgate/CHANGELOG.md.\n\n -- the clinicgate authors <clinicgate@example.org>  %s\n",
		b.version, b.made.Format(time.RFC1123Z))
	plain := filepath.Join(folder, "changelog")
	if err := os.WriteFile(plain, []byte(changelog), 0o644); err != nil {
		return nil, err
	}
	if err := gzipped(plain, plain+".gz"); err != nil {
		return nil, err
	}
	var all []byte
	for _, name := range []string{filepath.Join(b.root, "NOTICE"), b.licences(t)} {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		all = append(append(all, text...), '\n')
	}
	copyright := filepath.Join(folder, "copyright")
	if err := os.WriteFile(copyright, append([]byte("The Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0.\n\n"), all...), 0o644); err != nil {
		return nil, err
	}
	doc := "/usr/share/doc/clinicgate/"
	return []file{{doc + "changelog.gz", plain + ".gz", 0o644}, {doc + "copyright", copyright, 0o644}}, nil
}
