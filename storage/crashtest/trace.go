package crashtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
)

// Call is one system call that changes a file, or a line of the driver.
type Call struct {
	What   What
	Thread int
	Name   string // of the system call
	Index  int    // of the call among those of this name in this thread, from 1
	Path   string // below the data directory; "." is the directory itself
	To     string // of a rename
	Off    int64
	Size   int64 // of a truncation
	Data   []byte
	Failed bool
	Lie    bool // it failed because a fault was injected
}

// What a call does.
type What uint8

// The kinds of calls.
const (
	Says     What = iota // Data on the driver's stdout
	Creates              // an empty file
	Empties              // a file that is there
	Writes               // Data at Off
	Resizes              // to Size
	Syncs                // a file or a directory
	Renames              // to To
	Removes              // a file
	MakesDir             // a directory
)

// traced are the system calls that a recording holds.
const traced = "openat,write,pwrite64,ftruncate,fsync,fdatasync,renameat,renameat2,unlinkat,mkdirat"

// A tracer reads the output of strace -f -y -xx -o, one line a call.
//
// Where a call of one thread began before that of another ended, strace writes
// it in two parts. A write may reach the disk from its beginning on, a sync holds
// from its end on: each is noted at the moment that promises less.
type tracer struct {
	root    string // the data directory
	open    map[int][]byte
	pos     map[string]int64 // of sequential writes, by descriptor
	files   map[string]bool  // created in this recording or there before
	calls   []Call
	pending map[int]int // of a thread: call noted at its beginning
	counts  map[string]int
}

// ReadTrace reads a recording of a driver whose data directory is root. files
// are those that are there at its beginning.
func ReadTrace(r io.Reader, root string, files []string) ([]Call, error) {
	t := &tracer{
		root: root, open: map[int][]byte{}, pos: map[string]int64{}, files: map[string]bool{}, pending: map[int]int{}, counts: map[string]int{},
	}
	for _, f := range files {
		t.files[f] = true
	}
	in := bufio.NewReaderSize(r, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			if err := t.line(bytes.TrimSuffix(line, []byte("\n"))); err != nil {
				return nil, fmt.Errorf("trace: %w in %.200q", err, line)
			}
		}
		if errors.Is(err, io.EOF) {
			return t.calls, nil
		}
		if err != nil {
			return nil, fmt.Errorf("cannot read trace: %w", err)
		}
	}
}

var (
	unfinished = []byte(" <unfinished ...>")
	resumed    = []byte(" resumed>")
)

func (t *tracer) line(b []byte) error {
	head, rest, ok := bytes.Cut(b, []byte(" "))
	thread, err := strconv.Atoi(string(head))
	if !ok || err != nil {
		return errors.New("no thread")
	}
	rest = bytes.TrimLeft(rest, " ")
	switch {
	case bytes.HasPrefix(rest, []byte("+++")), bytes.HasPrefix(rest, []byte("---")), bytes.HasSuffix(rest, []byte("<detached ...>")):
		return nil // the thread ended, here or in a call that it did not come to do
	case bytes.HasSuffix(rest, unfinished):
		begun := bytes.TrimSuffix(rest, unfinished)
		t.open[thread] = bytes.Clone(begun)
		if begins(begun) {
			// Its effect counts from here on.
			t.pending[thread] = len(t.calls)
			return t.call(thread, append(bytes.Clone(begun), ") = 0"...))
		}
		return nil
	case bytes.HasPrefix(rest, []byte("<... ")):
		begun, ok := t.open[thread]
		if !ok {
			return errors.New("a call ends that never began")
		}
		delete(t.open, thread)
		_, end, ok := bytes.Cut(rest, resumed)
		if !ok {
			return errors.New("a call ends that never began")
		}
		if at, ok := t.pending[thread]; ok {
			delete(t.pending, thread)
			if n, _, err := result(end); err == nil && n < 0 && at < len(t.calls) {
				t.calls[at].Failed = true
			}
			return nil
		}
		return t.call(thread, append(begun, end...))
	}
	return t.call(thread, rest)
}

// begins reports whether a call counts from its beginning on.
func begins(b []byte) bool {
	return bytes.HasPrefix(b, []byte("write(")) || bytes.HasPrefix(b, []byte("pwrite64("))
}

func (t *tracer) call(thread int, b []byte) error {
	open := bytes.IndexByte(b, '(')
	end := bytes.LastIndex(b, []byte(" = "))
	if open < 0 || end < open {
		return errors.New("not a call")
	}
	name := string(b[:open])
	args, err := split(b[open+1 : bytes.LastIndexByte(b[:end], ')')])
	if err != nil {
		return err
	}
	ret, lie, err := result(b[end:])
	if err != nil {
		return err
	}
	count := fmt.Sprint(thread, name)
	t.counts[count]++
	c := Call{Thread: thread, Name: name, Index: t.counts[count], Failed: ret < 0, Lie: lie}
	return t.note(c, name, args, ret, b[end:])
}

// result reads " = value" and what follows it.
func result(b []byte) (ret int64, lie bool, err error) {
	_, b, _ = bytes.Cut(b, []byte("= "))
	lie = bytes.Contains(b, []byte("(INJECTED)"))
	if b[0] == '?' {
		return -1, lie, nil
	}
	n := 0
	for n < len(b) && (b[n] == '-' || b[n] >= '0' && b[n] <= '9') {
		n++
	}
	ret, err = strconv.ParseInt(string(b[:n]), 10, 64)
	return ret, lie, err
}

// arg is one argument: text as it was given, or the bytes of a string, and for
// a descriptor the path that it has now.
type arg struct {
	text string
	data []byte
	path string
}

func split(b []byte) (args []arg, err error) {
	for len(b) > 0 {
		b = bytes.TrimLeft(b, " ")
		var a arg
		n := 0
		switch {
		case len(b) > 0 && b[0] == '"':
			end := bytes.IndexByte(b[1:], '"')
			if end < 0 {
				return nil, errors.New("a string without end")
			}
			if a.data, err = unhex(b[1 : 1+end]); err != nil {
				return nil, err
			}
			n = end + 2
			if bytes.HasPrefix(b[n:], []byte("...")) {
				return nil, errors.New("a string that was cut short")
			}
		default:
			n = bytes.IndexByte(b, ',')
			if n < 0 {
				n = len(b)
			}
			text := string(b[:n])
			if number, path, ok := strings.Cut(text, "<"); ok {
				path, gone := strings.CutSuffix(path, "(deleted)")
				path = strings.TrimSuffix(path, ">")
				if strings.HasPrefix(path, `\x`) {
					p, err := unhex([]byte(path))
					if err != nil {
						return nil, err
					}
					path = string(p)
				}
				if gone {
					path = "" // of no further use
				}
				text, a.path = number, path
			}
			a.text = text
		}
		args = append(args, a)
		b = bytes.TrimPrefix(b[n:], []byte(","))
	}
	return args, nil
}

func unhex(b []byte) ([]byte, error) {
	if len(b)%4 != 0 {
		return nil, errors.New("a string that is not hex")
	}
	out := make([]byte, len(b)/4)
	for i := range out {
		hi, lo := nibble(b[4*i+2]), nibble(b[4*i+3])
		if hi|lo > 15 {
			return nil, errors.New("a string that is not hex")
		}
		out[i] = hi<<4 | lo
	}
	return out, nil
}

func nibble(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// below gives a path relative to the data directory.
func (t *tracer) below(path string) (string, bool) {
	if path == t.root {
		return ".", true
	}
	return strings.CutPrefix(path, t.root+"/")
}

func (t *tracer) note(c Call, name string, args []arg, ret int64, tail []byte) error {
	need := map[string]int{"openat": 3, "write": 3, "pwrite64": 4, "ftruncate": 2, "fsync": 1, "fdatasync": 1, "renameat": 4, "renameat2": 4, "unlinkat": 2, "mkdirat": 2}
	if len(args) < need[name] || need[name] == 0 {
		return fmt.Errorf("%d arguments of %s", len(args), name)
	}
	var ok bool
	switch name {
	case "write":
		c.Data = args[1].data
		if args[0].text == "1" {
			c.What, ok = Says, true
			break
		}
		c.What = Writes
		if c.Path, ok = t.below(args[0].path); ok {
			fd := args[0].text
			c.Off = t.pos[fd]
			t.pos[fd] += int64(len(c.Data))
		}
	case "pwrite64":
		c.What, c.Data = Writes, args[1].data
		c.Path, ok = t.below(args[0].path)
		off, err := strconv.ParseInt(args[3].text, 10, 64)
		if err != nil {
			return err
		}
		c.Off = off
	case "ftruncate":
		c.What = Resizes
		c.Path, ok = t.below(args[0].path)
		size, err := strconv.ParseInt(args[1].text, 10, 64)
		if err != nil {
			return err
		}
		c.Size = size
	case "fsync", "fdatasync":
		c.What = Syncs
		c.Path, ok = t.below(args[0].path)
	case "renameat", "renameat2":
		c.What = Renames
		if c.Path, ok = t.below(string(args[1].data)); ok {
			if c.To, ok = t.below(string(args[3].data)); !ok {
				return errors.New("a file leaves the data directory")
			}
			if !c.Failed {
				delete(t.files, c.Path)
				t.files[c.To] = true
			}
		}
	case "unlinkat":
		c.What = Removes
		if c.Path, ok = t.below(string(args[1].data)); ok && !c.Failed {
			delete(t.files, c.Path)
		}
	case "mkdirat":
		c.What = MakesDir
		c.Path, ok = t.below(string(args[1].data))
	case "openat":
		return t.opens(c, args, tail)
	}
	if ok {
		t.calls = append(t.calls, c)
	}
	return nil
}

// opens notes what opening does to the directory and to the file.
func (t *tracer) opens(c Call, args []arg, tail []byte) error {
	if c.Failed {
		return nil
	}
	_, fd, _ := bytes.Cut(tail, []byte("= "))
	number, _, _ := strings.Cut(string(fd), "<")
	t.pos[number] = 0
	path, ok := t.below(filepath.Clean(string(args[1].data)))
	if !ok {
		return nil
	}
	c.Path = path
	switch flags := args[2].text; {
	case !t.files[path] && strings.Contains(flags, "O_CREAT"):
		c.What = Creates
		t.files[path] = true
	case strings.Contains(flags, "O_TRUNC"):
		c.What = Empties
	default:
		return nil
	}
	t.calls = append(t.calls, c)
	return nil
}
