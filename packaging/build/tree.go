package main

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// A file goes into a package.
type file struct {
	to   string // with slashes
	from string
	mode fs.FileMode
}

// tree gathers what a target's packages hold, the first error with it.
type tree struct {
	b     *build
	files []file
	err   error
}

func (t *tree) add(to, from string) { t.files = append(t.files, file{to, from, 0o644}) }

// repo adds a file of the repository; to is a folder, with a slash at its end, or ""
// where the name stays.
func (t *tree) repo(to, name string) {
	if to == "" || strings.HasSuffix(to, "/") {
		to += path.Base(name)
	}
	t.add(to, filepath.Join(t.b.root, filepath.FromSlash(name)))
}

// each adds the files of a folder of the repository that have one of the endings,
// and does nothing where the folder is not there.
func (t *tree) each(to, folder string, endings ...string) {
	entries, err := os.ReadDir(filepath.Join(t.b.root, filepath.FromSlash(folder)))
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	t.err = errors.Join(t.err, err)
	for _, e := range entries {
		if slices.Contains(endings, path.Ext(e.Name())) {
			t.repo(to, folder+"/"+e.Name())
		}
	}
}

func (t *tree) done() ([]file, error) {
	slices.SortFunc(t.files, func(a, b file) int { return strings.Compare(a.to, b.to) })
	return t.files, t.err
}

// texts adds what every package holds beside the program, below folder.
func (t *tree) texts(folder string, of target) {
	for _, name := range []string{"LICENSE", "NOTICE"} {
		t.repo(folder, name)
	}
	t.repo(folder+"CHANGELOG.md", "packaging/CHANGELOG.md")
	t.add(folder+"THIRD-PARTY-LICENSES", t.b.licences(of))
	t.add(folder+"config.sample.toml", t.b.sample(of.os))
	t.each(folder+"mosquitto/", "packaging/mosquitto", ".conf", ".acl")
	t.each(folder+"prometheus/", "packaging/prometheus", ".yml", ".yaml", ".json")
	t.each(folder+"operator/", "packaging/operator", ".md")
}

// portable is what the tar.gz and the zip of a target hold.
func (b *build) portable(of target) ([]file, error) {
	t := &tree{b: b}
	t.files = append(t.files, file{path.Base(filepath.ToSlash(b.program(of))), b.program(of), 0o755})
	t.texts("", of)
	if of.os == "windows" {
		t.each("", "packaging/windows", ".ps1")
		t.add("completion.ps1", t.b.paper("completion.ps1"))
		return t.done()
	}
	t.system("systemd/clinicgate.service", "systemd/clinicgate.sysusers", "systemd/clinicgate.tmpfiles", "udev/60-clinicgate.rules", "polkit/60-clinicgate.rules")
	t.kiosk("systemd/clinicgate-kiosk.service", "systemd/clinicgate-kiosk.sysusers", "systemd/clinicgate-kiosk.pam")
	t.manual("man/", "")
	t.completions("completions/clinicgate.bash", "completions/_clinicgate", "completions/clinicgate.fish")
	return t.done()
}

// installed is what a deb or rpm puts on a machine, without the changelog and the
// copyright, which have a form of their own in each format.
func (b *build) installed(of target, format string) ([]file, error) {
	t := &tree{b: b}
	t.files = append(t.files, file{"/usr/bin/clinicgate", b.program(of), 0o755})
	t.texts("/usr/share/doc/clinicgate/", of)
	t.system("/usr/lib/systemd/system/clinicgate.service", "/usr/lib/sysusers.d/clinicgate.conf", "/usr/lib/tmpfiles.d/clinicgate.conf", "/usr/lib/udev/rules.d/60-clinicgate.rules", "/usr/share/polkit-1/rules.d/60-clinicgate.rules")
	t.kiosk("/usr/lib/systemd/system/clinicgate-kiosk.service", "/usr/lib/sysusers.d/clinicgate-kiosk.conf", "/usr/lib/pam.d/clinicgate-kiosk")
	t.manual("/usr/share/man/man1/", ".gz")
	zsh := map[string]string{"deb": "vendor-completions", "rpm": "site-functions"}[format]
	t.completions("/usr/share/bash-completion/completions/clinicgate", "/usr/share/zsh/"+zsh+"/_clinicgate", "/usr/share/fish/vendor_completions.d/clinicgate.fish")
	return t.done()
}

func (t *tree) system(unit, sysusers, tmpfiles, udev, polkit string) {
	t.repo(unit, "packaging/systemd/clinicgate.service")
	t.repo(sysusers, "packaging/systemd/clinicgate.sysusers")
	t.repo(tmpfiles, "packaging/linux/clinicgate.tmpfiles")
	t.repo(udev, "packaging/udev/60-clinicgate.rules")
	t.repo(polkit, "packaging/polkit/60-clinicgate.rules")
}

// kiosk adds what shows the page on the machine's screen: there, and off until
// `clinicgate kiosk-session install`, which also writes the browser's policies.
func (t *tree) kiosk(unit, sysusers, pam string) {
	t.repo(unit, "packaging/systemd/clinicgate-kiosk.service")
	t.repo(sysusers, "packaging/systemd/clinicgate-kiosk.sysusers")
	t.repo(pam, "packaging/systemd/clinicgate-kiosk.pam")
}

// manual adds the man pages, compressed where the suffix says so.
func (t *tree) manual(to, suffix string) {
	pages, err := filepath.Glob(t.b.paper("man/*.1"))
	if err == nil && len(pages) == 0 {
		err = errors.New("no man pages were made")
	}
	t.err = errors.Join(t.err, err)
	for _, from := range pages {
		if suffix != "" {
			t.err = errors.Join(t.err, gzipped(from, from+suffix))
		}
		t.add(to+filepath.Base(from)+suffix, from+suffix)
	}
}

func (t *tree) completions(bash, zsh, fish string) {
	t.add(bash, t.b.paper("clinicgate.bash"))
	t.add(zsh, t.b.paper("_clinicgate"))
	t.add(fish, t.b.paper("clinicgate.fish"))
}
