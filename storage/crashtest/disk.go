package crashtest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// disk is what a recording does to a data directory: what has certainly reached
// the medium, and what may have.
//
// A file's bytes are certain after a successful sync of the file, a name after
// one of its directory. Until then each write may have reached the medium or
// not, in any order, torn at sectors of 512 bytes. The page cache writes pages: a
// sync that succeeds takes with it all that was ever written to a page that is
// dirty. A sync that fails leaves pages that are clean, and may or may not be on
// the medium; no later sync touches them until they are written again.
type disk struct {
	root  *node
	nodes []*node
	names []nameOp // changes of names that are not certain
	since int      // changes since the last crash states were built
}

// node is a file or a directory.
type node struct {
	dir     map[string]*node // seen by a running process; nil for a file
	certain map[string]*node

	base    []byte // certain content; zeros after it up to size
	size    int64
	pending []change
}

// change is one that may have reached the medium: part of a page, or a size.
type change struct {
	page    int64 // sizePage for a change of size
	off     int   // in the page
	data    []byte
	size    int64
	limbo   bool // a sync of it failed
	seq     int  // order over all files
	written int  // the write it is a part of
}

const (
	sector   = 512
	sizePage = -1
)

// nameOp is a change of names, whole or not at all.
type nameOp struct {
	what     What
	from, to *node // directories
	fromName string
	toName   string
	file     *node
	waits    []*node // directories whose sync it needs
	seq      int
}

// apply does the change to a view of the directories. Names that meanwhile
// stand for another file are left alone.
func (o *nameOp) apply(view func(dir *node) map[string]*node) {
	switch o.what {
	case Creates, MakesDir:
		view(o.to)[o.toName] = o.file
	case Renames:
		if m := view(o.from); m[o.fromName] == o.file {
			delete(m, o.fromName)
		}
		view(o.to)[o.toName] = o.file
	case Removes:
		if m := view(o.from); m[o.fromName] == o.file {
			delete(m, o.fromName)
		}
	}
}

// newDisk is a disk that certainly holds what is in a directory.
func newDisk(files map[string][]byte) *disk {
	d := &disk{root: &node{dir: map[string]*node{}, certain: map[string]*node{}}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		dir := d.root
		parts := strings.Split(name, "/")
		for _, part := range parts[:len(parts)-1] {
			if dir.dir[part] == nil {
				n := &node{dir: map[string]*node{}, certain: map[string]*node{}}
				dir.dir[part], dir.certain[part] = n, n
			}
			dir = dir.dir[part]
		}
		last := parts[len(parts)-1]
		if files[name] == nil {
			n := &node{dir: map[string]*node{}, certain: map[string]*node{}}
			dir.dir[last], dir.certain[last] = n, n
			continue
		}
		f := &node{base: bytes.TrimRight(files[name], "\x00"), size: int64(len(files[name]))}
		f.base = slices.Clone(f.base)
		dir.dir[last], dir.certain[last] = f, f
		d.nodes = append(d.nodes, f)
	}
	return d
}

// readFiles reads all files of a directory; a directory is nil.
func readFiles(dir string) (map[string][]byte, error) {
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		name, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		if e.IsDir() {
			out[name] = nil
			return nil
		}
		b, err := os.ReadFile(p)
		if b == nil {
			b = []byte{}
		}
		out[name] = b
		return err
	})
	return out, err
}

func (d *disk) find(name string) (*node, error) {
	n := d.root
	if name == "." {
		return n, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if n == nil || n.dir == nil {
			return nil, fmt.Errorf("no directory for %s", name)
		}
		n = n.dir[part]
	}
	if n == nil {
		return nil, fmt.Errorf("no file %s", name)
	}
	return n, nil
}

// parent finds the directory of a name, and the last part of it.
func (d *disk) parent(name string) (*node, string, error) {
	dir, err := d.find(path.Dir(name))
	return dir, path.Base(name), err
}

// do adds one call of a recording.
func (d *disk) do(c *Call, seq int) error {
	if c.Failed && c.What != Syncs || c.What == Says {
		return nil
	}
	switch c.What {
	case Creates, MakesDir, Renames, Removes:
		d.since++
		return d.name(c, seq)
	}
	f, err := d.find(c.Path)
	if err != nil {
		return err
	}
	switch c.What {
	case Empties:
		f.pending = append(f.pending, change{page: sizePage, size: 0, seq: seq, written: seq})
	case Resizes:
		f.pending = append(f.pending, change{page: sizePage, size: c.Size, seq: seq, written: seq})
	case Writes:
		f.write(c.Off, c.Data, seq)
	case Syncs:
		d.sync(f, c.Failed)
		return nil
	}
	d.since++
	return nil
}

func (d *disk) name(c *Call, seq int) error {
	o := nameOp{what: c.What, seq: seq}
	var err error
	switch c.What {
	case Creates, MakesDir:
		o.to, o.toName, err = d.parent(c.Path)
		o.file = &node{}
		if c.What == MakesDir {
			o.file.dir, o.file.certain = map[string]*node{}, map[string]*node{}
		} else {
			d.nodes = append(d.nodes, o.file)
		}
		o.waits = []*node{o.to}
	case Removes:
		if o.from, o.fromName, err = d.parent(c.Path); err == nil {
			o.file = o.from.dir[o.fromName]
		}
		o.waits = []*node{o.from}
	case Renames:
		if o.from, o.fromName, err = d.parent(c.Path); err == nil {
			o.file = o.from.dir[o.fromName]
			o.to, o.toName, err = d.parent(c.To)
		}
		o.waits = []*node{o.from}
		if o.to != o.from {
			o.waits = append(o.waits, o.to)
		}
	}
	if err == nil && o.file == nil {
		err = fmt.Errorf("no file %s", c.Path)
	}
	if err != nil {
		return err
	}
	o.apply(func(dir *node) map[string]*node { return dir.dir })
	d.names = append(d.names, o)
	return nil
}

// write splits a write into pages. A stretch of zeros stays one change: it only
// makes the file longer.
func (f *node) write(off int64, data []byte, seq int) {
	if len(data) > 4*pageSize && isZero(data) {
		f.pending = append(f.pending, change{page: sizePage, size: max(f.seen(), off+int64(len(data))), seq: seq, written: seq})
		return
	}
	for len(data) > 0 {
		page, in := off/pageSize, int(off%pageSize)
		n := min(pageSize-in, len(data))
		f.pending = append(f.pending, change{page: page, off: in, data: data[:n], seq: seq, written: seq})
		off, data = off+int64(n), data[n:]
	}
}

// seen is the size that a running process sees.
func (f *node) seen() int64 {
	size := f.size
	for _, c := range f.pending {
		if c.page == sizePage {
			size = c.size
		} else {
			size = max(size, c.page*pageSize+int64(c.off+len(c.data)))
		}
	}
	return size
}

func isZero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// sync makes certain what is dirty, or, where it failed, leaves it in limbo.
func (d *disk) sync(f *node, failed bool) {
	if f.dir != nil {
		if failed {
			return // the names stay as uncertain as they were
		}
		rest := d.names[:0]
		for _, o := range d.names {
			o.waits = slices.DeleteFunc(slices.Clone(o.waits), func(n *node) bool { return n == f })
			if len(o.waits) > 0 {
				rest = append(rest, o)
				continue
			}
			o.apply(func(dir *node) map[string]*node { return dir.certain })
		}
		d.names = rest
		return
	}
	if failed {
		for i := range f.pending {
			f.pending[i].limbo = true
		}
		return
	}
	dirty := map[int64]bool{}
	for _, c := range f.pending {
		if !c.limbo {
			dirty[c.page] = true
		}
	}
	rest := f.pending[:0]
	for _, c := range f.pending {
		if !dirty[c.page] {
			rest = append(rest, c)
			continue
		}
		f.base, f.size = c.apply(f.base, f.size, nil)
	}
	clear(f.pending[len(rest):])
	f.pending = rest
}

// apply does the change to a content. sectors, if not nil, says which sectors of
// it reached the medium.
func (c *change) apply(b []byte, size int64, sectors func(i int) bool) ([]byte, int64) {
	if c.page == sizePage {
		if c.size < int64(len(b)) {
			b = b[:c.size]
		}
		return b, c.size
	}
	at := c.page*pageSize + int64(c.off)
	end := at + int64(len(c.data))
	if grow := end - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	size = max(size, end)
	if sectors == nil {
		copy(b[at:], c.data)
		return b, size
	}
	for from := 0; from < len(c.data); {
		n := min(sector-(c.off+from)%sector, len(c.data)-from)
		if sectors((c.off + from) / sector) {
			copy(b[at+int64(from):], c.data[from:from+n])
		}
		from += n
	}
	return b, size
}
