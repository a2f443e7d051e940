package auditlog

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"golang.org/x/mod/sumdb/tlog"
)

// Head is how far a store has come, kept in the store (in each transaction) and
// beside it (in a HeadFile). It only ever goes forward: first by Inc, within one
// Inc by Commit and Size.
type Head struct {
	Inc    uint64 // the store's life
	Commit uint64 // number of commits in this life
	Size   uint64 // records in the audit log
	Last   Hash   // leaf hash of the newest of them
}

// before orders heads of one store. Only Inc and Commit take part.
func (h Head) before(o Head) bool {
	return h.Inc < o.Inc || h.Inc == o.Inc && h.Commit < o.Commit
}

const (
	slotMagic = "CGH1"
	slotBody  = len(slotMagic) + 3*8 + tlog.HashSize
	slotSize  = slotBody + sha256.Size
	// The slots lie on pages of their own, so that one torn write cannot reach
	// both.
	slotStride = 4096

	// HeadFileSize is the size of a head file in bytes.
	HeadFileSize = 2 * slotStride
)

// HeadBytes is the file that a HeadFile writes in place; *os.File is one.
type HeadBytes interface {
	io.ReaderAt
	io.WriterAt
}

// HeadFile is the small side file that tells whether the store was rolled back
// or cut behind our back. It is overwritten after each commit and never synced:
// after a power cut it may be old, which is normal, but a file that is ahead of
// its store convicts the store.
//
// It is authenticated with a key from the keyring, so it cannot be written
// without the keys. It can be deleted, and an old one can be put back together
// with an old store; then only a checkpoint that somebody else kept tells.
//
// It belongs to one goroutine.
type HeadFile struct {
	f    HeadBytes
	mac  hash.Hash
	slot int64 // the one to write next
	buf  [slotSize]byte
}

// ErrNoHead means that neither slot of a head file holds a head: the file is
// new, was damaged in both slots, or was written under another key.
var ErrNoHead = errors.New("no readable head beside the store")

// NewHeadFile works on an open file of HeadFileSize bytes. The key is copied.
func NewHeadFile(f HeadBytes, key []byte) *HeadFile {
	return &HeadFile{f: f, mac: hmac.New(sha256.New, key)}
}

// Read returns the newest head that authenticates. A torn slot is as good as
// none: the other one holds the head before. It returns ErrNoHead if there is
// no head, and any other error if the file cannot be read.
func (h *HeadFile) Read() (Head, error) {
	var newest Head
	found := false
	for i := range int64(2) {
		n, err := h.f.ReadAt(h.buf[:], i*slotStride)
		if err != nil && !errors.Is(err, io.EOF) {
			return Head{}, fmt.Errorf("cannot read head file: %w", err)
		}
		head, ok := h.decode(h.buf[:n])
		if ok && (!found || newest.before(head)) {
			newest, found = head, true
			h.slot = 1 - i
		}
	}
	if !found {
		return Head{}, ErrNoHead
	}
	return newest, nil
}

// Write overwrites the older slot. It does not sync. Call it after the commit
// that the head describes is durable, never before.
func (h *HeadFile) Write(head Head) error {
	b := append(h.buf[:0], slotMagic...)
	b = binary.BigEndian.AppendUint64(b, head.Inc)
	b = binary.BigEndian.AppendUint64(b, head.Commit)
	b = binary.BigEndian.AppendUint64(b, head.Size)
	b = append(b, head.Last[:]...)
	b = h.sum(b, b)
	if _, err := h.f.WriteAt(b, h.slot*slotStride); err != nil {
		return fmt.Errorf("cannot write head file: %w", err)
	}
	h.slot = 1 - h.slot
	return nil
}

func (h *HeadFile) decode(b []byte) (Head, bool) {
	if len(b) != slotSize || string(b[:len(slotMagic)]) != slotMagic {
		return Head{}, false
	}
	if !hmac.Equal(h.sum(nil, b[:slotBody]), b[slotBody:]) {
		return Head{}, false
	}
	p := b[len(slotMagic):]
	return Head{
		Inc:    binary.BigEndian.Uint64(p),
		Commit: binary.BigEndian.Uint64(p[8:]),
		Size:   binary.BigEndian.Uint64(p[16:]),
		Last:   Hash(p[24 : 24+tlog.HashSize]),
	}, true
}

func (h *HeadFile) sum(dst, body []byte) []byte {
	h.mac.Reset()
	h.mac.Write(body)
	return h.mac.Sum(dst)
}

// Verdict is what the side file says about the store.
type Verdict int

// The verdicts of Compare.
const (
	Same     Verdict = iota // both agree
	DBAhead                 // the store went on after the side file: normal after a crash
	DBBehind                // the store lost commits that it had: rolled back or cut
	Fork                    // the store has another history than the one it had
)

var verdictNames = [...]string{"same", "store ahead", "store behind", "fork"}

func (v Verdict) String() string {
	if v < 0 || int(v) >= len(verdictNames) {
		return fmt.Sprintf("verdict %d", int(v))
	}
	return verdictNames[v]
}

// Compare judges the store's own head by the one beside it. leaf gives the
// store's leaf hash at an index; it is asked at most once, and only below
// db.Size. A leaf that cannot be had (pruned, unreadable) is not held against
// the store: answer ok = false.
func Compare(side, db Head, leaf func(i uint64) (h Hash, ok bool)) Verdict {
	switch {
	case side.Inc > db.Inc:
		return DBBehind
	case side.Inc < db.Inc:
		// A new life begins with a log of its own, so the hashes of the two
		// have nothing to say about each other.
		return DBAhead
	case side.Commit > db.Commit || side.Size > db.Size:
		return DBBehind
	case side.Commit == db.Commit:
		if side == db {
			return Same
		}
		return Fork
	case side.Size > 0:
		last, ok := db.Last, true
		if side.Size < db.Size {
			last, ok = leaf(side.Size - 1)
		}
		if ok && last != side.Last {
			return Fork
		}
	}
	return DBAhead
}
