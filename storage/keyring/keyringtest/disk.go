// Package keyringtest is a directory in memory that fails and loses power on
// command, for tests of whatever writes side files through keyring.FS.
//
// It keeps two worlds: what a running process sees, and what is durable. A
// file's content becomes durable by File.Sync, a name by SyncDir. When the power
// is cut, each change that is not durable yet may have reached the disk or not,
// in any combination: PowerCuts gives them all.
//
//	Create, Write, Rename, Remove ─▶ seen ──Sync, SyncDir──▶ durable
//	                                  └────── PowerCuts ──────▶ durable + any part of the rest
package keyringtest

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"

	"clinicgate/storage/keyring"
)

// ErrCrashed is what every operation gives after a crash.
var ErrCrashed = errors.New("process is gone")

// Fault is what happens at one operation.
type Fault int

// The faults.
const (
	None     Fault = iota
	Fail           // not done, and reported
	FailDone       // done, but reported as failed
	Crash          // the process ends before the operation
)

// Disk is a keyring.FS in memory. Its methods are safe for concurrent use.
type Disk struct {
	mu      sync.Mutex
	seen    map[string]*inode
	durable map[string]*inode
	pending []func(map[string]*inode) // changes of names that are not durable
	ops     int
	crashed bool
	fault   func(n int, op string) Fault
}

type inode struct {
	seen    []byte
	durable []byte
}

// NewDisk is an empty directory.
func NewDisk() *Disk {
	return &Disk{seen: map[string]*inode{}, durable: map[string]*inode{}}
}

// OnOp sets what happens at each operation that changes something; n counts
// them from 1 over the life of the disk, op is "create", "write", "sync",
// "rename", "remove" or "syncdir". Nil means no faults.
func (d *Disk) OnOp(fault func(n int, op string) Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = fault
}

// Ops is the number of changing operations so far.
func (d *Disk) Ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ops
}

// do runs one changing operation under the fault plan.
func (d *Disk) do(op, name string, change func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.crashed {
		return ErrCrashed
	}
	d.ops++
	f := None
	if d.fault != nil {
		f = d.fault(d.ops, op)
	}
	switch f {
	case Crash:
		d.crashed = true
		return ErrCrashed
	case Fail:
		return &fs.PathError{Op: op, Path: name, Err: errors.New("no space left on device")}
	}
	if err := change(); err != nil {
		return err
	}
	if f == FailDone {
		return &fs.PathError{Op: op, Path: name, Err: errors.New("input/output error")}
	}
	return nil
}

// ReadFile implements keyring.FS.
func (d *Disk) ReadFile(name string, limit int64) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.crashed {
		return nil, ErrCrashed
	}
	f, ok := d.seen[name]
	if !ok {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	if int64(len(f.seen)) > limit {
		return nil, fmt.Errorf("%s is longer than %d bytes", name, limit)
	}
	return slices.Clone(f.seen), nil
}

// Create implements keyring.FS.
func (d *Disk) Create(name string) (keyring.File, error) {
	var f *inode
	err := d.do("create", name, func() error {
		if f = d.seen[name]; f != nil {
			f.seen = nil
			return nil
		}
		f = &inode{}
		d.rename(func(m map[string]*inode) { m[name] = f })
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &file{d, name, f}, nil
}

// Rename implements keyring.FS.
func (d *Disk) Rename(from, to string) error {
	return d.do("rename", from, func() error {
		f, ok := d.seen[from]
		if !ok {
			return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
		}
		d.rename(func(m map[string]*inode) { delete(m, from); m[to] = f })
		return nil
	})
}

// Remove implements keyring.FS.
func (d *Disk) Remove(name string) error {
	return d.do("remove", name, func() error {
		if _, ok := d.seen[name]; !ok {
			return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
		}
		d.rename(func(m map[string]*inode) { delete(m, name) })
		return nil
	})
}

// SyncDir implements keyring.FS.
func (d *Disk) SyncDir() error {
	return d.do("syncdir", ".", func() error {
		d.durable, d.pending = maps.Clone(d.seen), nil
		return nil
	})
}

func (d *Disk) rename(change func(map[string]*inode)) {
	change(d.seen)
	d.pending = append(d.pending, change)
}

type file struct {
	d    *Disk
	name string
	f    *inode
}

func (f *file) Write(p []byte) (int, error) {
	err := f.d.do("write", f.name, func() error { f.f.seen = append(f.f.seen, p...); return nil })
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *file) Sync() error {
	return f.d.do("sync", f.name, func() error { f.f.durable = slices.Clone(f.f.seen); return nil })
}

func (f *file) Close() error { return nil }

// Seen is the disk after the process ended but the power stayed: everything
// written is there.
func (d *Disk) Seen() *Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return image(d.seen, func(f *inode) []byte { return f.seen })
}

// maxOpenNames bounds PowerCuts to 3 * 2^4 disks.
const maxOpenNames = 4

// PowerCuts are the disks that may be found after a power cut now: every
// combination of the newest names not yet durable (older ones are taken as
// there), each with file contents as last synced, as written, and half written.
func (d *Disk) PowerCuts() []*Disk {
	d.mu.Lock()
	defer d.mu.Unlock()
	contents := []func(*inode) []byte{
		func(f *inode) []byte { return f.durable },
		func(f *inode) []byte { return f.seen },
		func(f *inode) []byte {
			if string(f.seen) == string(f.durable) {
				return f.durable
			}
			return f.seen[:len(f.seen)/2]
		},
	}
	var out []*Disk
	known := map[string]bool{}
	open := min(len(d.pending), maxOpenNames)
	sure := len(d.pending) - open
	for mask := range 1 << open {
		names := maps.Clone(d.durable)
		for i, change := range d.pending {
			if i < sure || mask>>(i-sure)&1 == 1 {
				change(names)
			}
		}
		for _, content := range contents {
			disk := image(names, content)
			if key := fmt.Sprintf("%q", disk.content()); !known[key] {
				known[key] = true
				out = append(out, disk)
			}
		}
	}
	return out
}

func image(names map[string]*inode, content func(*inode) []byte) *Disk {
	d := NewDisk()
	for name, f := range names {
		b := slices.Clone(content(f))
		d.seen[name] = &inode{b, b}
	}
	d.durable = maps.Clone(d.seen)
	return d
}

func (d *Disk) content() map[string][]byte {
	out := map[string][]byte{}
	for name, f := range d.seen {
		out[name] = f.seen
	}
	return out
}

// Edit changes a file in place behind everybody's back; a nil result deletes it.
func (d *Disk) Edit(name string, edit func([]byte) []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var old []byte
	if f := d.seen[name]; f != nil {
		old = slices.Clone(f.seen)
	}
	b := edit(old)
	for _, m := range []map[string]*inode{d.seen, d.durable} {
		if b == nil {
			delete(m, name)
		} else {
			m[name] = &inode{b, b}
		}
	}
}

// Names lists the files.
func (d *Disk) Names() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.seen))
}
