package upgrade

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"clinicgate/gateway/upgrade/signature"
)

// Trust is what this kiosk takes releases by.
type Trust struct {
	Keys      []signature.Public
	Target    string // "linux/amd64"
	Store     int    // the newest format of the store that this program reads
	Version   string // of this program
	Downgrade bool   // an older version may be taken
}

// A Release is a file whose signature verified and that fits this kiosk.
type Release struct {
	signature.Release
	path string
}

const maxRelease = 512 << 20

// Verify looks at a release's file and the signature beside it, and refuses what is
// forged, for another target, older, or would leave a store that this program could
// not go back to. What was refused before is the journal's matter.
func (t Trust) Verify(file string) (Release, error) {
	if len(t.Keys) == 0 {
		return Release{}, &Error{What: "this program knows no key that releases are signed with", Next: "put the line of the release's .pub file into upgrade.keys of the config"}
	}
	name := filepath.Base(file)
	if !strings.HasSuffix(name, ".tar.gz") && !strings.HasSuffix(name, ".zip") {
		next := "name the release's .tar.gz (Linux) or .zip (Windows)"
		switch filepath.Ext(name) {
		case ".deb":
			next = "`apt install ./" + name + "` upgrades a package"
		case ".rpm":
			next = "`dnf upgrade ./" + name + "` upgrades a package"
		case ".msi":
			next = "`msiexec /i " + name + " /qn` installs it, without a way back by itself; `clinicgate upgrade` takes the .zip"
		}
		return Release{}, &Error{What: name + " is not a release that this command takes", Next: next}
	}
	text, err := readSignature(file + signature.Suffix)
	if err != nil {
		return Release{}, err
	}
	f, err := os.Open(file)
	if err != nil {
		return Release{}, &Error{What: "cannot open the release", Next: "name the file that was downloaded", Err: err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Release{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxRelease {
		return Release{}, &Error{What: name + " is no release: it is no file, or larger than 512 MiB", Next: "name the file that was downloaded"}
	}
	said, err := signature.Verify(f, text, t.Keys...)
	switch {
	case errors.Is(err, signature.ErrUnknownKey):
		return Release{}, &Error{What: name + " was " + err.Error(), Next: "get the release from where you got the first one; a clinic's own key goes into upgrade.keys"}
	case err != nil:
		return Release{}, &Error{What: name + " is refused", Next: "download the file and its .minisig again", Err: err}
	}
	return Release{said, file}, t.fits(said)
}

func (t Trust) fits(r signature.Release) error {
	switch {
	case r.Target != t.Target:
		return &Error{What: fmt.Sprintf("%s is for %s, and this machine is %s", r.File, cmpOr(r.Target, "no machine"), t.Target), Next: "download the release for " + t.Target}
	case r.Store > t.Store:
		return &Error{What: fmt.Sprintf("clinicgate %s writes format %d of the store, and this version reads up to %d: there would be no way back", r.Version, r.Store, t.Store),
			Next: "first upgrade to the version before it that reads both; its notes name it"}
	case r.Store == 0:
		return &Error{What: "the release does not say which format of the store it writes", Next: "get one that was made with `make packages` and signed"}
	}
	switch c := compare(r.Version, t.Version); {
	case c == 0 && plain(r.Version) == plain(t.Version):
		return &Error{What: "clinicgate " + r.Version + " runs already", Next: "`clinicgate version` shows it; nothing is to be done"}
	case c < 0 && !t.Downgrade:
		return &Error{What: fmt.Sprintf("clinicgate %s is older than %s, which is installed", r.Version, t.Version), Next: "add --allow-downgrade if that is meant"}
	}
	return nil
}

func cmpOr(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func readSignature(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", &Error{What: "there is no signature " + filepath.Base(path) + " beside the release", Next: "download it from where the release came from, into the same folder"}
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 8<<10)) // Verify refuses what is longer than half of that
	return string(text), err
}

// extract hands the program of a release to take.
func (r Release) extract(take func(io.Reader) error) error {
	name := "clinicgate"
	if strings.HasPrefix(r.Target, "windows/") {
		name += ".exe"
	}
	found := false
	each := func(member string, open func() (io.Reader, error)) error {
		if path.Base(member) != name || strings.Count(member, "/") != 1 || found {
			return nil
		}
		found = true
		in, err := open()
		if err != nil {
			return err
		}
		return take(in)
	}
	err := r.members(each)
	if err == nil && !found {
		err = &Error{What: filepath.Base(r.path) + " holds no program " + name, Next: "get a release that was made with `make packages`"}
	}
	return err
}

func (r Release) members(each func(name string, open func() (io.Reader, error)) error) error {
	if strings.HasSuffix(r.path, ".zip") {
		z, err := zip.OpenReader(r.path)
		if err != nil {
			return err
		}
		defer z.Close()
		for _, f := range z.File {
			var in io.ReadCloser
			err := each(f.Name, func() (io.Reader, error) { in, err = f.Open(); return in, err })
			if in != nil {
				err = errors.Join(err, in.Close())
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	f, err := os.Open(r.path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	for archive := tar.NewReader(z); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if err := each(h.Name, func() (io.Reader, error) { return archive, nil }); err != nil {
			return err
		}
	}
}
