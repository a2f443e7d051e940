package upgrade

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// maxProgram bounds a program; releases are a tenth of it.
const maxProgram = 256 << 20

// Old is where the program before is kept.
func Old(program string) string { return beside(program, "old") }

// Leavings lists what upgrades leave beside a program; not all of it is there.
func Leavings(program string) []string {
	list := []string{Old(program), staged(program), half(program), half(Old(program)), half(staged(program))}
	for n := range maxAside {
		list = append(list, away(program, n))
	}
	return list
}

func staged(program string) string { return beside(program, "new") }
func half(program string) string   { return beside(program, "part") }

// beside gives clinicgate.old for clinicgate, and clinicgate.old.exe for
// clinicgate.exe: Windows starts only what ends so.
func beside(program, word string) string {
	if stem, found := cutEnd(program, ".exe"); found {
		return stem + "." + word + ".exe"
	}
	return program + "." + word
}

func cutEnd(s, end string) (string, bool) {
	if len(s) > len(end) && s[len(s)-len(end):] == end {
		return s[:len(s)-len(end)], true
	}
	return s, false
}

// sumOf gives a file's SHA-256, or "" where there is no such file.
func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("cannot read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// put writes a program, whole and durable, in the place of what is there. The
// other content is there until the new one is.
func put(to string, from io.Reader) (sum string, err error) {
	part := half(to)
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	f, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, h), io.LimitReader(from, maxProgram+1))
	if err == nil && n > maxProgram {
		err = fmt.Errorf("it is larger than %d MiB", maxProgram>>20)
	}
	err = errors.Join(err, f.Chmod(0o755), f.Sync(), f.Close())
	if err == nil {
		err = move(part, to)
	}
	if err != nil {
		return "", errors.Join(err, os.Remove(part))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// duplicate is put from a file.
func duplicate(from, to string) (sum string, err error) {
	f, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return put(to, f)
}

// move renames durably. Where the system does not let go of a program that runs, as
// on Windows, that one is moved out of the way first: between the two there is none
// at its place, and a keeper that is started then puts one there.
func move(from, to string) error {
	err := os.Rename(from, to)
	if err != nil && runtime.GOOS == "windows" {
		if os.Rename(to, aside(to)) == nil {
			err = os.Rename(from, to)
		}
	}
	if err != nil {
		return err
	}
	return syncFolder(filepath.Dir(to))
}

// maxAside bounds the programs that were moved out of the way and still run, such as
// those of a kiosk session that nobody ended.
const maxAside = 9

// aside gives a place for a program that is moved out of the way, and removes those
// that run no longer.
func aside(program string) (free string) {
	for n := range maxAside {
		at := away(program, n)
		if err := os.Remove(at); err == nil || errors.Is(err, fs.ErrNotExist) {
			free = at
		}
	}
	return free
}

func away(program string, n int) string { return beside(program, fmt.Sprintf("gone%d", n+1)) }

// syncFolder makes names durable. Windows has no such thing, and journals them.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
