package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"clinicgate/storage/keyring"
)

// Volume is the file system that a folder lies on.
type Volume struct {
	Kind          string // "ext4", "ntfs"; empty: not known
	Network       bool   // on another machine
	Memory        bool   // gone after a restart
	ReadOnly      bool
	Free, Total   uint64 // bytes, for this account
	Inodes, InUse uint64 // files that there can be and are; both 0: no limit is known
	Device        string // the disk's name in the system; empty: not known
	Worn          int    // percent of the disk's life that is used; -1: it does not say
	Errors        uint64 // that the file system has noticed
}

// VolumeOf asks the system about the file system of a folder.
func VolumeOf(dir string) (Volume, error) { return volumeOf(dir) }

// diskReserve is what a disk keeps free beside the store: for logs and updates.
const diskReserve = 64 << 20

const diskWriteHint = "look for disk errors in the system's log and replace the disk; where it is full, free space on it"

// DiskMount looks what kind of file system holds the data.
func DiskMount(dir string) Check {
	return Check{ID: "disk-mount", Run: func(context.Context) Result {
		v, err := volumeOf(dir)
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			return Result{State: Skipped, Detail: "this system does not tell"}
		case errors.Is(err, os.ErrPermission):
			return Result{State: Skipped, Detail: "this account may not look at the data folder"}
		case err != nil:
			return Result{Fail, "the data folder cannot be looked at: " + plain(err), "see that storage.dir is there and the service's account may use it"}
		case v.ReadOnly:
			return Result{Fail, "the data lies on a file system that cannot be written (" + v.Kind + ")", "the system makes a failing disk read-only: look at its log, replace the disk; else mount it for writing"}
		case v.Network:
			return Result{Fail, "the data lies on another machine (" + v.Kind + "): its promises about writes do not hold there", "move storage.dir to a disk of this machine"}
		case v.Memory:
			return Result{Warn, "the data lies in memory (" + v.Kind + ") and is gone when the machine stops", "move storage.dir to a disk of this machine"}
		}
		return Result{State: OK, Detail: "the data lies on " + orUnknown(v.Kind)}
	}}
}

func orUnknown(s string) string {
	if s == "" {
		return "an unknown file system"
	}
	return s
}

// plain is an error without its path, which the sentence around it names.
func plain(err error) string {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

// DiskFree compares the free space with what the store may still take. used gives
// what it has taken. Of a disk that is full to the last block DiskWrite tells.
func DiskFree(dir string, budget int64, used func() int64) Check {
	return Check{ID: "disk-free", DependsOn: []string{"disk-mount", "disk-write"}, Run: func(context.Context) Result {
		v, err := volumeOf(dir)
		if err != nil {
			return Result{State: Skipped, Detail: "this system does not tell"}
		}
		still := uint64(max(0, budget-used()))
		detail := fmt.Sprintf("%d MiB are free, the store may still take %d MiB", v.Free>>20, still>>20)
		const hint = "free space on the disk of storage.dir, or lower storage.budget in the config"
		switch {
		case v.Free < diskReserve:
			return Result{Fail, detail, hint}
		case v.Free < still+diskReserve:
			return Result{Warn, detail, hint}
		}
		return Result{State: OK, Detail: detail}
	}}
}

// DiskInodes looks whether the file system can hold more files.
func DiskInodes(dir string) Check {
	return Check{ID: "disk-inodes", DependsOn: []string{"disk-mount"}, Run: func(context.Context) Result {
		v, err := volumeOf(dir)
		if err != nil || v.Inodes == 0 {
			return Result{State: Skipped, Detail: "the file system has no limit of files"}
		}
		percent := v.InUse * 100 / v.Inodes
		detail := fmt.Sprintf("%d %% of the files that the disk can hold are there", percent)
		const hint = "look for a folder with very many small files, and remove them"
		switch left := v.Inodes - v.InUse; {
		case left < 64:
			return Result{Fail, detail, hint}
		case percent >= 95:
			return Result{Warn, detail, hint}
		}
		return Result{State: OK, Detail: detail}
	}}
}

// slowWrite is when one durable write keeps a patient waiting.
const slowWrite = 500 * time.Millisecond

// DiskWrite writes a small file as durably as the store does, and removes it.
func DiskWrite(dir string) Check {
	return Check{ID: "disk-write", DependsOn: []string{"disk-mount", "disk-inodes"}, Run: func(context.Context) Result {
		began := time.Now()
		err := probeWrite(dir)
		took := time.Since(began).Round(time.Millisecond)
		switch {
		case errors.Is(err, os.ErrPermission) && os.Geteuid() > 0:
			return Result{State: Skipped, Detail: "this account may not write to the data folder"}
		case errors.Is(err, syscall.ENOSPC):
			return Result{Fail, "the disk is full", "free space on the disk of storage.dir"}
		case err != nil:
			return Result{Fail, "the data folder cannot be written: " + plain(err), diskWriteHint}
		case took >= slowWrite:
			return Result{Warn, "a durable write of 4 KiB took " + took.String(), "exclude the data folder from virus scanners; look for disk errors in the system's log; a worn card becomes slow first"}
		}
		return Result{State: OK, Detail: "a durable write of 4 KiB took " + took.String()}
	}}
}

// probeWrite writes as the store and the keyring do. The file's name is this process's
// own, since two that look from outside may be at it at once; what one left that was
// killed is removed by a later one.
func probeWrite(dir string) error {
	const name = "doctor-probe-"
	left, _ := filepath.Glob(filepath.Join(dir, name+"*"))
	for _, old := range left {
		if info, err := os.Lstat(old); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(old)
		}
	}
	path := filepath.Join(dir, name+strconv.Itoa(os.Getpid()))
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, 4096))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = keyring.Dir(dir).Rename(filepath.Base(path)+".new", filepath.Base(path))
	}
	return errors.Join(err, removeAny(path, path+".new"))
}

func removeAny(paths ...string) (err error) {
	for _, p := range paths {
		if e := os.Remove(p); !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}

// DiskHealth looks what the disk and its file system say about themselves.
func DiskHealth(dir string) Check {
	return Check{ID: "disk-health", DependsOn: []string{"disk-mount"}, Run: func(context.Context) Result {
		v, err := volumeOf(dir)
		switch {
		case err != nil || v.Device == "":
			return Result{State: Skipped, Detail: "the system does not say which disk it is"}
		case v.Errors > 0:
			return Result{Fail, fmt.Sprintf("the file system on %s has noticed %d errors", v.Device, v.Errors), "take a backup now, check the file system, replace the disk"}
		case v.Worn >= 80:
			return Result{Warn, fmt.Sprintf("%s says that at least %d %% of its life is used", v.Device, v.Worn), "plan to replace it; take a backup first"}
		case v.Worn < 0:
			return Result{State: OK, Detail: v.Device + " reports no errors, and not how worn it is"}
		}
		return Result{State: OK, Detail: fmt.Sprintf("%s reports no errors, at most %d %% of its life is used", v.Device, v.Worn+10)}
	}}
}

// wearPerDay is what a card of 16 GiB stands for about five years at three
// rewrites a day that flash controllers turn one into.
const wearPerDay = 8 << 30

// Wear measures how much this process writes per day; written gives its bytes
// since the start, and false where the system does not count.
func Wear(written func() (int64, bool), started time.Time) Check {
	return Check{ID: "disk-wear", Run: func(context.Context) Result {
		if _, ok := written(); !ok {
			return Result{State: Skipped, Detail: "this system does not count"}
		}
		daily, known := Daily(written, started)
		if !known {
			return Result{State: Skipped, Detail: "the service runs for less than an hour"}
		}
		detail := fmt.Sprintf("the service writes %d MiB a day", daily>>20)
		if daily > wearPerDay {
			return Result{Warn, detail + ": a card of 16 GiB lasts under five years", "set log.level to info; see whether a device sends all the time"}
		}
		return Result{State: OK, Detail: detail}
	}}
}

// Daily is how many bytes a process writes a day, false where the system does not
// count or it began less than an hour ago.
func Daily(written func() (int64, bool), started time.Time) (int64, bool) {
	n, ok := written()
	ran := time.Since(started)
	if !ok || ran < time.Hour {
		return 0, false
	}
	return int64(float64(n) / ran.Hours() * 24), true
}

// Lasts gives the years that a flash medium of so many bytes stands so many written a
// day, by the measure of wearPerDay; 100 at most.
func Lasts(total uint64, daily int64) float64 {
	const years, card = 5, 16 << 30
	if daily <= 0 {
		return 100
	}
	return min(100, years*(float64(total)/card)*(wearPerDay/float64(daily)))
}
