package doctor

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"clinicgate/gateway/config"
	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

// KeyOpen opens the keyring to look at it, while no service runs. use gets the ring,
// which is closed after.
func KeyOpen(c config.Config, use func(*keyring.Ring)) Check {
	return Check{ID: "key-open", DependsOn: []string{"cfg-parse", "disk-mount"}, Run: func(ctx context.Context) Result {
		dir := keyring.Dir(c.Storage.Dir)
		if _, err := os.ReadDir(c.Storage.Dir); errors.Is(err, fs.ErrPermission) {
			return Result{State: Skipped, Detail: "this account may not look at the data folder"}
		}
		if !keyring.Exists(dir) {
			return Result{Fail, "there is no keyring in " + c.Storage.Dir, "`clinicgate keys init` once; where there was one, restore it beside the store"}
		}
		if c.KeySource.FD != 0 {
			return Result{State: Skipped, Detail: "the passphrase is handed over to the service only"}
		}
		ring, err := keyring.Open(ctx, dir, c.KeySource.Source(), keyring.Options{ReadOnly: true})
		switch {
		case errors.Is(err, fs.ErrPermission):
			return Result{State: Skipped, Detail: "this account may not read the key source"}
		case err != nil:
			return Result{Fail, "the keyring does not open: " + err.Error(), hintOf(err, "give the right passphrase or key file; the recovery key is the last way")}
		}
		use(ring)
		return Result{State: OK, Detail: "the keyring opens"}
	}}
}

// hintOf is the next step that an error knows, or another.
func hintOf(err error, otherwise string) string {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return cmp.Or(hinted.Hint(), otherwise)
	}
	return otherwise
}

// StoreCheck reads a copy of the store's file, while no service runs. keys gives the
// ring that KeyOpen opened, or nil.
func StoreCheck(path string, keys func() *keyring.Ring) Check {
	return Check{ID: "store-check", DependsOn: []string{"key-open"}, Run: func(ctx context.Context) Result {
		ring := keys()
		if ring == nil {
			return Result{State: Skipped, Detail: "without the keys nothing can be read"}
		}
		copied, err := copyOf(ctx, path)
		if copied != "" {
			defer os.RemoveAll(filepath.Dir(copied))
		}
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return Result{State: Info, Detail: "there is no store yet: the first start makes one"}
		case errors.Is(err, fs.ErrPermission):
			return Result{State: Skipped, Detail: "this account may not read the store"}
		case errors.Is(err, errNoRoom):
			return Result{State: Skipped, Detail: "the store is too large to be copied here: `clinicgate store check` reads it"}
		case err != nil:
			return Result{Fail, "the store cannot be read: " + plain(err), "look for disk errors in the system's log, and replace the disk"}
		}
		report, err := storage.Check(ctx, storage.CheckOptions{Path: copied, Keys: ring})
		switch {
		case err != nil && ctx.Err() != nil:
			return Result{State: Skipped, Detail: "there was no time to read all of it: `clinicgate store check` does"}
		case err != nil:
			return Result{Fail, "the store cannot be read: " + plain(err), "`clinicgate store check --full` says more"}
		case report.Newer:
			newer := storage.Newer(filepath.Dir(path), report.Format)
			return Result{Fail, newer.Error(), hintOf(newer, "install that version again")}
		case !report.OK || report.Unreadable > 0:
			return Result{Fail, "the store's file is damaged: " + report.Explanation, "the next start copies what is readable into a new file by itself; check the disk"}
		}
		return Result{State: OK, Detail: "the store's file can be read"}
	}}
}

var errNoRoom = errors.New("too large to copy")

// copyLimit bounds what is copied: five seconds of a slow disk.
const copyLimit = 256 << 20

// copyOf copies a file to the system's folder for such, readable by this account
// only; records in it are sealed as in the original.
func copyOf(ctx context.Context, path string) (string, error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return "", err
	}
	if info.Size() > copyLimit {
		return "", errNoRoom
	}
	dir, err := os.MkdirTemp("", "clinicgate-doctor-")
	if err != nil {
		return "", errNoRoom
	}
	name := filepath.Join(dir, filepath.Base(path))
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return name, errNoRoom
	}
	for err == nil && ctx.Err() == nil {
		_, err = io.CopyN(out, in, 1<<20)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return name, errors.Join(err, ctx.Err(), out.Close())
}

// MachineTime compares the machine's clock, while nobody knows better, with the time
// that PubNub tells.
func MachineTime(p PubNub) Check {
	return Check{ID: "clock-offset", Online: true, DependsOn: []string{"pubnub-answer"}, Run: func(ctx context.Context) Result {
		before := time.Now()
		t, err := p.Time(ctx)
		if err != nil {
			return Result{State: Skipped, Detail: "nobody tells the time"}
		}
		off := t.Sub(before.Add(time.Since(before) / 2))
		detail := "the machine's clock is off by " + off.Abs().Round(time.Second).String()
		switch {
		case off.Abs() >= offsetWrong:
			return Result{Fail, detail, "set up time synchronisation on this machine, and replace the clock's battery if it forgets the time when switched off"}
		case off.Abs() >= offsetNoticed:
			return Result{Warn, detail, "set up time synchronisation on this machine"}
		}
		return Result{State: OK, Detail: "the machine's clock is right"}
	}}
}
