package storage

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"clinicgate/storage/seal"
)

// CheckOptions say what to check.
type CheckOptions struct {
	Path string
	Keys seal.Keys
	// Full opens every record and compares index and counts with them.
	// Otherwise what a power cut can reach is checked: the structure of the
	// whole file, all that is about the store itself, and the newest records;
	// of a large file that was closed properly, its ends only.
	Full bool
	// Progress, if set, is told the bytes read so far and in all.
	Progress func(done, total int64)
}

// Report is what a check of a store file found.
type Report struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`

	// OK means that the file can be opened and used. Single records may be
	// unreadable all the same: they cost no others.
	OK bool `json:"ok"`
	// WrongKeys means that nothing is known against the file: the keys given
	// do not open it.
	WrongKeys bool `json:"wrongKeys,omitempty"`
	// Newer means that a newer version wrote it.
	Newer bool `json:"newer,omitempty"`
	// Format is the version of the file's layout.
	Format int `json:"format,omitempty"`

	Clean   bool   `json:"clean"` // closed properly
	Store   string `json:"store,omitempty"`
	Life    uint32 `json:"life"`
	Commits uint64 `json:"commits"`
	Unsent  uint64 `json:"unsent"` // events that are still to be published, as the store counts them

	Rows        map[string]uint64 `json:"rows,omitempty"` // per bucket, where it was walked
	Opened      uint64            `json:"opened"`         // records opened
	Unreadable  uint64            `json:"unreadable"`     // of them did not open
	Erased      uint64            `json:"erased"`         // of them are under a key that is not held
	Unindexed   uint64            `json:"unindexed"`      // records whose id leads elsewhere
	Miscounted  []string          `json:"miscounted,omitempty"`
	BadRows     []string          `json:"badRows,omitempty"` // where unreadable rows are
	Damage      []Damage          `json:"damage,omitempty"`
	MoreDamage  int               `json:"moreDamage,omitempty"`
	Explanation string            `json:"explanation,omitempty"` // why it is not OK
}

const (
	newestRecords = 10_000   // opened after an unclean stop
	smallFile     = 64 << 20 // walked whole also after a clean stop
	maxBadRows    = 100
)

// Check reads a store file and says whether it can be used. It changes nothing
// and maps nothing: whatever the file holds, it can only report it. The error
// is that of reading, never a finding.
func Check(ctx context.Context, o CheckOptions) (Report, error) {
	f, err := os.Open(o.Path)
	if err != nil {
		return Report{}, fmt.Errorf("cannot check store: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Report{}, fmt.Errorf("cannot check store: %w", err)
	}
	report, err := checkPages(ctx, f, info.Size(), o)
	if err != nil {
		return report, fmt.Errorf("cannot check store: %w", err)
	}
	return report, nil
}

func checkPages(ctx context.Context, r io.ReaderAt, size int64, o CheckOptions) (Report, error) {
	c := &check{ctx: ctx, o: o, r: r, report: Report{Path: o.Path, Bytes: size, Rows: map[string]uint64{}}}
	err := c.run()
	c.report.OK = err == nil && c.report.Explanation == ""
	return c.report, err
}

type check struct {
	ctx    context.Context
	o      CheckOptions
	r      io.ReaderAt
	report Report

	strange bool // the head is under a key that is not held
	opens   bool // some row of the store itself opened
	walk    *walk
	head    head
	sums    [buckets]rowSum
	streams map[uint32]*checkStream
	buf     []byte
}

// checkStream is what a stream says about itself, and what is found.
type checkStream struct {
	stream
	cold, hot      bool
	newest         Cursor // records after it are opened
	queued, stored uint64
}

// reject notes why the file cannot be used; the first reason stands.
func (c *check) reject(format string, args ...any) {
	if c.report.Explanation == "" {
		c.report.Explanation = fmt.Sprintf(format, args...)
	}
}

func (c *check) run() error {
	im := newImage(c.r, c.report.Bytes)
	metas := im.metas()
	if len(metas) == 0 {
		c.reject("neither meta page is valid")
		return nil
	}
	m := metas[0]
	w := newWalk(im, m.high, c.row)
	c.walk = w
	if m.high > im.pages {
		c.reject("file ends at page %d of %d", im.pages, m.high)
	}
	w.root(m)
	if !w.bucket(bucketNames[bHead]) || c.head.store == [16]byte{} {
		c.reject("head is missing")
	}
	c.report.Clean = c.head.clean && len(metas) == 2
	w.bucket(bucketNames[bStreams])
	if c.strange {
		// A head under a key that we do not hold, among rows that we can open,
		// is a damaged head.
		w.bucket(bucketNames[bLogs])
		c.report.WrongKeys = !c.opens
		return nil
	}
	if c.report.Newer {
		return nil
	}
	c.expect()
	if c.o.Full || !c.head.clean || c.report.Bytes <= smallFile {
		if err := c.readAhead(min(c.report.Bytes, int64(m.high)*pageSize)); err != nil {
			return err
		}
		for b := range buckets {
			if b != bHead && b != bStreams && !w.bucket(bucketNames[b]) {
				c.reject("bucket %s is missing", bucketNames[b])
			}
			if err := c.ctx.Err(); err != nil {
				return err
			}
		}
		c.compare()
	}
	if m.freelist != noFreelist {
		w.freelist(m.freelist)
	} else if c.head.clean {
		c.reject("freelist is missing after a clean stop")
	}
	c.report.Damage, c.report.MoreDamage = w.damage, w.skipped
	if !w.sound() {
		c.reject("%d pages are damaged, the first: %s", len(w.damage)+w.skipped, w.damage[0].What)
	}
	return c.ctx.Err()
}

// readAhead reads the file in order, which is many times faster than meeting
// its pages in the order of the tree.
func (c *check) readAhead(size int64) error {
	buf := make([]byte, min(size, 1<<20))
	for at := int64(0); at < size; {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		n, err := c.r.ReadAt(buf, at)
		at += int64(n)
		if c.o.Progress != nil {
			c.o.Progress(min(at, size), size)
		}
		if errors.Is(err, io.EOF) || n == 0 {
			return nil
		}
		if err != nil {
			return nil // the walk will say which page
		}
	}
	return nil
}

// expect works out, from the places of the streams, which records are new.
func (c *check) expect() {
	if len(c.streams) == 0 {
		return
	}
	each := max(newestRecords/uint64(len(c.streams)), 200)
	for num := uint32(1); num <= c.head.streams; num++ {
		s := c.stream(num)
		if s.published() {
			c.report.Unsent += s.counts.Queued
		}
		if !s.cold || !s.hot {
			c.reject("state of stream %d is missing", num)
		}
		if !c.o.Full && s.next.Seq > each {
			s.newest = Cursor{s.next.Inc, s.next.Seq - each}
		}
	}
}

func (c *check) row(bucket string, key, value []byte) {
	c.report.Rows[bucket]++
	if b, ok := bucketNamed(bucket); ok && b.inSum(key) {
		c.sums[b].toggle(value)
	}
	switch bucket {
	case bucketNames[bHead]:
		c.headRow(key, value)
	case bucketNames[bStreams]:
		if len(key) != 4 {
			c.bad(bucket, key, errStream)
			return
		}
		s := c.stream(binary.BigEndian.Uint32(key))
		s.cold = c.storeRow(bStreams, key, value, s.parseCold)
	case bucketNames[bEvents]:
		c.event(key, value)
	case bucketNames[bIDs]:
	case bucketNames[bLogs]:
		c.storeRow(bLogs, key, value, nil)
	default:
		c.other(bucket, key, value)
	}
}

func (c *check) headRow(key, value []byte) {
	switch {
	case string(key) == string(headKey):
		if len(value) >= 2 {
			c.report.Format = int(binary.BigEndian.Uint16(value))
		}
		h, err := openHead(value, c.o.Keys)
		switch {
		case errors.Is(err, ErrWrongKey):
			c.strange = true
			c.reject("the keys do not open the head")
		case errors.Is(err, ErrNewer):
			c.report.Newer = true
			c.reject("%v", err)
		case err != nil:
			c.reject("%v", err)
			return
		}
		c.head = h
		if store, err := headStore(value); err == nil {
			c.head.store = store
		}
		c.report.Store = hex.EncodeToString(c.head.store[:])
		c.report.Life, c.report.Commits = h.life, h.commit
	case len(key) == 5 && key[0] == 's':
		s := c.stream(binary.BigEndian.Uint32(key[1:]))
		s.hot = c.storeRow(bHead, key, value, s.parseHot)
	default:
		c.storeRow(bHead, key, value, nil)
	}
}

func (c *check) stream(num uint32) *checkStream {
	if c.streams == nil {
		c.streams = make(map[uint32]*checkStream)
	}
	if c.streams[num] == nil {
		c.streams[num] = &checkStream{stream: stream{num: num}}
	}
	return c.streams[num]
}

// storeRow opens a row without which the store cannot be used.
func (c *check) storeRow(b bucket, key, value []byte, parse func(plain []byte) error) bool {
	_, plain, err := openRow(c.o.Keys, c.head.store, b, key, value)
	if err == nil && parse != nil {
		err = parse(plain)
	}
	if err != nil {
		c.bad(bucketNames[b], key, err)
		c.reject("a row of bucket %s does not open", bucketNames[b])
		return false
	}
	c.opens = true
	return true
}

// event opens a record if it is new, or if all are to be opened.
func (c *check) event(key, value []byte) {
	if len(key) != eventKeySize {
		c.bad(bucketNames[bEvents], key, errBody)
		return
	}
	num, at := parseEventKey(key)
	s := c.streams[num]
	if s == nil {
		c.bad(bucketNames[bEvents], key, errStream)
		return
	}
	if s.next.Less(at) {
		c.reject("a record lies past the end of stream %d", num)
	}
	s.stored++
	if s.sent.Less(at) {
		s.queued++
	}
	if !c.o.Full && !s.newest.Less(at) {
		return
	}
	c.report.Opened++
	plain, err := seal.Open(c.buf[:0], c.o.Keys, value, place(c.head.store, bEvents, key))
	if err != nil {
		c.bad(bucketNames[bEvents], key, err)
		return
	}
	c.buf = plain
	r, _, err := parseRecord(plain)
	if err != nil || r.Inc != at.Inc || r.Seq != at.Seq || r.Channel != s.id.channel {
		c.bad(bucketNames[bEvents], key, errBody)
		return
	}
	v, _ := c.walk.get(bucketNames[bIDs], r.ID[:])
	if id, ok := parseIDRow(v); !ok || id.stream != num || id.at != at || id.hlc != r.HLC {
		c.report.Unindexed++
	}
}

// other opens a row of the buckets that change. Those of views are the present
// state of queue and consents: one that does not open is not left to be met.
func (c *check) other(name string, key, value []byte) {
	b, ok := bucketNamed(name)
	if !ok || !c.o.Full && b != bViews {
		return
	}
	c.report.Opened++
	if _, _, err := openRow(c.o.Keys, c.head.store, b, key, value); err != nil {
		c.bad(name, key, err)
		if b == bViews {
			c.reject("a row of a view does not open")
		}
	}
}

// bad counts a row that does not open. Keys hold nothing about a person.
func (c *check) bad(bucket string, key []byte, err error) {
	if errors.Is(err, seal.ErrKeyUnknown) {
		c.report.Erased++
		return
	}
	c.report.Unreadable++
	if len(c.report.BadRows) < maxBadRows {
		c.report.BadRows = append(c.report.BadRows, bucket+"/"+hex.EncodeToString(key))
	}
}

// compare holds the counts of the streams against what is there.
func (c *check) compare() {
	for _, s := range c.streams {
		if s.published() && s.queued != s.counts.Queued || s.stored != s.stream.stored || !s.counts.Balanced() {
			c.report.Miscounted = append(c.report.Miscounted, fmt.Sprintf(
				"stream %d: %d queued, %d stored; found %d and %d", s.num, s.counts.Queued, s.stream.stored, s.queued, s.stored))
		}
	}
	for b := range buckets {
		if b.summed() && c.sums[b] != c.head.sums[b] {
			c.report.Miscounted = append(c.report.Miscounted, "rows of bucket "+bucketNames[b]+" are missing, or old ones are back")
		}
	}
	if len(c.report.Miscounted) > 0 {
		c.reject("%s", c.report.Miscounted[0])
	}
	if c.report.Unindexed > 0 {
		c.reject("%d records are not found by their ids", c.report.Unindexed)
	}
}
