package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"clinicgate/storage/keyring"
)

const (
	extension = ".cgbackup"
	unready   = ".new" // a backup that is being written
	stamp     = "20060102T150405Z"
)

// Name is the file name of a kiosk's backup. Names sort by age.
func Name(kiosk string, made time.Time) string {
	return "clinicgate-" + kiosk + "-" + made.UTC().Format(stamp) + extension
}

// Create writes a backup to a new file and reads it back. The file has its name
// only when it is whole, verified and durable; it never replaces another. step is
// told the bytes written; pace, if not nil, delays the writing.
func (s Source) Create(ctx context.Context, path string, step func(int64), pace func(context.Context, int) error) (m Manifest, err error) {
	switch _, err := os.Lstat(path); {
	case err == nil:
		return m, fmt.Errorf("cannot write backup: %s is there already", path)
	case !errors.Is(err, fs.ErrNotExist):
		return m, fmt.Errorf("cannot write backup: %w", err)
	}
	temp := path + unready
	f, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return m, fmt.Errorf("cannot write backup: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(temp)
		}
	}()
	out := &paced{ctx: ctx, f: f, step: step, pace: pace}
	if m, err = s.Write(ctx, out); err != nil {
		return m, err
	}
	if err := f.Sync(); err != nil {
		return m, fmt.Errorf("cannot write backup: %w", err)
	}
	if err := verify(f, out.n, s.Ring, m); err != nil {
		return m, fmt.Errorf("the backup does not read back: %w", err)
	}
	if err := f.Close(); err != nil {
		return m, fmt.Errorf("cannot write backup: %w", err)
	}
	dir := keyring.Dir(filepath.Dir(path))
	if err := dir.Rename(filepath.Base(temp), filepath.Base(path)); err != nil {
		return m, fmt.Errorf("cannot write backup: %w", err)
	}
	// Network folders may not know how to sync a directory; the file itself is synced.
	_ = dir.SyncDir()
	return m, nil
}

func verify(f *os.File, size int64, ring *keyring.Ring, want Manifest) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() != size {
		return fmt.Errorf("%w: %d bytes of %d", ErrDamaged, info.Size(), size)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, got, err := Read(f, func(Header) (Secret, error) { return ring, nil }, func(Member, io.Reader) error { return nil })
	if err == nil && !slices.Equal(got.Members, want.Members) {
		err = ErrDamaged
	}
	return err
}

// syncEvery bounds what waits in memory for the disk. A store on the same disk,
// whose commits come after all that waits, would stand still for as long as that
// takes: seconds, on a kiosk's flash.
const syncEvery = 1 << 20

// paced writes as fast as it may.
type paced struct {
	ctx    context.Context
	f      *os.File
	n      int64
	synced int64 // of them
	step   func(int64)
	pace   func(context.Context, int) error
}

func (p *paced) Write(b []byte) (int, error) {
	if err := p.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := p.f.Write(b)
	p.n += int64(n)
	if err == nil && p.n-p.synced >= syncEvery {
		err, p.synced = p.f.Sync(), p.n
	}
	if p.step != nil {
		p.step(p.n)
	}
	if err == nil && p.pace != nil {
		err = p.pace(p.ctx, n)
	}
	return n, err
}

// File is a kiosk's backup in a folder.
type File struct {
	Path string
	Made time.Time // as its name says
	Size int64
}

// List gives a kiosk's backups in a folder, oldest first, and removes what an
// earlier process left unfinished there.
func List(dir, kiosk string) (list []File, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("cannot read backups: %w", err)
	}
	name := regexp.MustCompile(`^clinicgate-` + regexp.QuoteMeta(kiosk) + `-(\d{8}T\d{6}Z)` + regexp.QuoteMeta(extension) + `(` + regexp.QuoteMeta(unready) + `)?$`)
	for _, e := range entries {
		m := name.FindStringSubmatch(e.Name())
		if m == nil || !e.Type().IsRegular() {
			continue
		}
		made, err := time.Parse(stamp, m[1])
		if err != nil {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if m[2] != "" {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("cannot remove an unfinished backup: %w", err)
			}
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue
		}
		list = append(list, File{path, made, info.Size()})
	}
	slices.SortFunc(list, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return list, nil
}

// Prune removes the oldest of a kiosk's backups until keep are left, which is at
// least one. Those of a day that is still to come, made while the clock was ahead, go
// first: they would push out every later one. One that cannot be removed keeps no
// other.
func Prune(dir, kiosk string, keep int, now time.Time) error {
	list, err := List(dir, kiosk)
	if err != nil {
		return err
	}
	tomorrow := now.Add(24 * time.Hour)
	slices.SortStableFunc(list, func(a, b File) int {
		switch x, y := a.Made.After(tomorrow), b.Made.After(tomorrow); {
		case x && !y:
			return -1
		case y && !x:
			return 1
		}
		return 0
	})
	var errs []error
	for _, f := range list[:max(0, len(list)-max(keep, 1))] {
		if err := keyring.Dir(dir).Remove(filepath.Base(f.Path)); err != nil {
			errs = append(errs, fmt.Errorf("cannot remove an old backup: %w", err))
		}
	}
	return errors.Join(errs...)
}
