package auditlog_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"clinicgate/storage/auditlog"
)

// memory is a head file whose writes can tear.
type memory struct {
	b    []byte
	tear int // bytes of the next write that arrive; -1: all
}

func newMemory() *memory { return &memory{make([]byte, auditlog.HeadFileSize), -1} }

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(m.b)) {
		return 0, io.EOF
	}
	n := copy(p, m.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	n := len(p)
	if m.tear >= 0 {
		n = min(n, m.tear)
	}
	copy(m.b[off:], p[:n])
	return len(p), nil
}

func head(inc, commit, size uint64) auditlog.Head {
	return auditlog.Head{Inc: inc, Commit: commit, Size: size, Last: leafAt(size)}
}

func leafAt(size uint64) auditlog.Hash { return auditlog.LeafHash([]byte{byte(size)}) }

func TestHeadFileHoldsTheNewestHead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "head")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := auditlog.NewHeadFile(f, []byte("key"))
	if _, err := h.Read(); err != auditlog.ErrNoHead {
		t.Errorf("empty file: %v", err)
	}
	for i := uint64(1); i < 10; i++ {
		if err := h.Write(head(1, i, 3*i)); err != nil {
			t.Fatal(err)
		}
		h = auditlog.NewHeadFile(f, []byte("key"))
		if got, err := h.Read(); err != nil || got != head(1, i, 3*i) {
			t.Errorf("after write %d: %+v, %v", i, got, err)
		}
	}
	if err := h.Write(head(2, 1, 1)); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Read(); err != nil || got.Inc != 2 {
		t.Errorf("a new life is not newer: %+v, %v", got, err)
	}
	if _, err := auditlog.NewHeadFile(f, []byte("other key")).Read(); err != auditlog.ErrNoHead {
		t.Errorf("under another key: %v", err)
	}
	if info, err := f.Stat(); err != nil || info.Size() > auditlog.HeadFileSize {
		t.Errorf("file of %d bytes, %v", info.Size(), err)
	}
}

func TestATornWriteLeavesTheHeadBefore(t *testing.T) {
	for tear := range 140 {
		m := newMemory()
		h := auditlog.NewHeadFile(m, []byte("key"))
		for i := uint64(1); i <= 3; i++ {
			if err := h.Write(head(1, i, i)); err != nil {
				t.Fatal(err)
			}
		}
		m.tear = tear
		if err := h.Write(head(1, 4, 4)); err != nil {
			t.Fatal(err)
		}
		got, err := auditlog.NewHeadFile(m, []byte("key")).Read()
		if err != nil || got != head(1, 3, 3) && got != head(1, 4, 4) {
			t.Errorf("torn after %d bytes: %+v, %v", tear, got, err)
		}
	}
}

func TestAForgedHeadIsNoHead(t *testing.T) {
	m := newMemory()
	h := auditlog.NewHeadFile(m, []byte("key"))
	if err := h.Write(head(1, 7, 7)); err != nil {
		t.Fatal(err)
	}
	for i := range m.b {
		if m.b[i] == 0 && i > 200 {
			continue // never written
		}
		m.b[i] ^= 1
		got, err := auditlog.NewHeadFile(m, []byte("key")).Read()
		if err == nil && got != head(1, 7, 7) {
			t.Errorf("byte %d changed: %+v", i, got)
		}
		m.b[i] ^= 1
	}
}

func TestHeadFileErrorsAreReported(t *testing.T) {
	h := auditlog.NewHeadFile(broken{}, []byte("key"))
	if _, err := h.Read(); err == nil || errors.Is(err, auditlog.ErrNoHead) {
		t.Errorf("Read of a broken file: %v", err)
	}
	if err := h.Write(head(1, 1, 1)); err == nil {
		t.Error("Write to a broken file succeeded")
	}
}

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error)  { return 0, errors.New("input/output error") }
func (broken) WriteAt([]byte, int64) (int, error) { return 0, errors.New("input/output error") }

func TestCompare(t *testing.T) {
	leaves := func(i uint64) (auditlog.Hash, bool) { return leafAt(i + 1), true }
	pruned := func(uint64) (auditlog.Hash, bool) { return auditlog.Hash{}, false }
	forked := head(1, 5, 50)
	forked.Last[0] ^= 1
	for _, c := range []struct {
		name     string
		side, db auditlog.Head
		leaf     func(uint64) (auditlog.Hash, bool)
		want     auditlog.Verdict
	}{
		{"as left", head(1, 5, 50), head(1, 5, 50), leaves, auditlog.Same},
		{"crash before the side file", head(1, 5, 50), head(1, 6, 52), leaves, auditlog.DBAhead},
		{"side file lost many writes", head(1, 5, 50), head(1, 600, 500), leaves, auditlog.DBAhead},
		{"commit without records", head(1, 5, 50), head(1, 6, 50), leaves, auditlog.DBAhead},
		{"old leaf pruned", head(1, 5, 50), head(1, 600, 500), pruned, auditlog.DBAhead},
		{"after a salvage", head(1, 5, 50), head(2, 1, 1), leaves, auditlog.DBAhead},
		{"old store put back", head(1, 5, 50), head(1, 4, 48), leaves, auditlog.DBBehind},
		{"store of an earlier life put back", head(2, 1, 1), head(1, 5, 50), leaves, auditlog.DBBehind},
		{"tail cut, commit count kept", head(1, 5, 50), head(1, 5, 49), leaves, auditlog.DBBehind},
		{"tail cut, commits added", head(1, 5, 50), head(1, 9, 49), leaves, auditlog.DBBehind},
		{"last record rewritten", head(1, 5, 50), forked, leaves, auditlog.Fork},
		{"old record rewritten", forked, head(1, 600, 500), leaves, auditlog.Fork},
		{"other history, as many commits", head(1, 5, 50), head(1, 5, 52), leaves, auditlog.Fork},
		{"commit without records on a fork", forked, head(1, 6, 50), leaves, auditlog.Fork},
		{"empty", auditlog.Head{}, head(1, 1, 1), leaves, auditlog.DBAhead},
	} {
		if got := auditlog.Compare(c.side, c.db, c.leaf); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func BenchmarkHeadWrite(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "head"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	h := auditlog.NewHeadFile(f, []byte("key"))
	b.ReportAllocs()
	for b.Loop() {
		if err := h.Write(auditlog.Head{Inc: 1, Commit: 1, Size: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
