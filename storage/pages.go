package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"sort"
)

// This file reads the pages of a bbolt file (format version 2, little-endian)
// without bbolt: bbolt trusts its file and follows what a damaged page says out
// of the mapping. Here every number is checked before it is used and the file
// is read by ordinary reads, so that no damage can do more than be reported.
//
//	page    id(8) flags(2) count(2) overflow(4), then elements, then their bytes
//	branch  element pos(4) ksize(4) child(8); the key lies pos bytes after the element
//	leaf    element flags(4) pos(4) ksize(4) vsize(4); key and value likewise
//	bucket  a leaf value with flag 1: root(8) sequence(8); root 0 means that the
//	        bucket's only page follows inline
//	meta    magic(4) version(4) page size(4) flags(4) root(8) sequence(8)
//	        freelist(8) pgid(8) txid(8) FNV-1a of all before(8)
const (
	pageHeader  = 16
	elementSize = 16
	metaSize    = 64
	inBucket    = 16

	pageBranch   = 0x01
	pageLeaf     = 0x02
	pageMeta     = 0x04
	pageFreelist = 0x10

	elementBucket = 0x01

	metaMagic   = 0xED0CDAED
	metaVersion = 2
	noFreelist  = ^uint64(0)

	maxDepth    = 32
	maxOverflow = 1 << 14 // a row of 64 MiB; ours are far smaller
)

var errPage = errors.New("page is damaged")

// image is a store file being read page by page.
type image struct {
	r     io.ReaderAt
	pages uint64 // whole pages in the file
	buf   []byte
	step  func(page uint64) // told by scan, now and then; may be nil
}

func newImage(r io.ReaderAt, size int64) *image {
	return &image{r: r, pages: uint64(size) / pageSize}
}

// fileMeta is a meta page whose checksum is right.
type fileMeta struct {
	page     uint64
	root     uint64
	freelist uint64
	high     uint64 // first page never used
	txid     uint64
}

// metas returns the valid meta pages, newest first.
func (im *image) metas() (valid []fileMeta) {
	for id := range uint64(2) {
		b := make([]byte, pageHeader+metaSize)
		if _, err := im.r.ReadAt(b, int64(id)*pageSize); err != nil {
			continue
		}
		if m, ok := parseMeta(b, id); ok {
			valid = append(valid, m)
		}
	}
	if len(valid) == 2 && valid[1].txid > valid[0].txid {
		valid[0], valid[1] = valid[1], valid[0]
	}
	return valid
}

func parseMeta(b []byte, id uint64) (fileMeta, bool) {
	le := binary.LittleEndian
	m := b[pageHeader:]
	sum := fnv.New64a()
	_, _ = sum.Write(m[:metaSize-8])
	if le.Uint16(b[8:])&pageMeta == 0 || le.Uint32(m) != metaMagic || le.Uint32(m[4:]) != metaVersion ||
		le.Uint32(m[8:]) != pageSize || le.Uint64(m[56:]) != sum.Sum64() {
		return fileMeta{}, false
	}
	return fileMeta{page: id, root: le.Uint64(m[16:]), freelist: le.Uint64(m[32:]), high: le.Uint64(m[40:]), txid: le.Uint64(m[48:])}, true
}

// page is one page with its overflow, read whole.
type page struct {
	id    uint64
	flags uint16
	count int
	span  uint64 // pages it takes
	b     []byte
}

// read reads page id, which must lie below high. The bytes are valid until the
// next read into the same buffer.
func (im *image) read(id, high uint64, buf *[]byte) (page, error) {
	if id < 2 || id >= high || id >= im.pages {
		return page{}, fmt.Errorf("%w: page %d lies outside the file", errPage, id)
	}
	if cap(*buf) < pageSize {
		*buf = make([]byte, pageSize)
	}
	b := (*buf)[:pageSize]
	if _, err := im.r.ReadAt(b, int64(id)*pageSize); err != nil {
		return page{}, fmt.Errorf("%w: cannot read page %d: %w", errPage, id, err)
	}
	p, err := parsePage(b, id)
	if err != nil {
		return page{}, err
	}
	if p.span > 1 {
		if p.span > maxOverflow || id+p.span > high || id+p.span > im.pages {
			return page{}, fmt.Errorf("%w: page %d overflows out of the file", errPage, id)
		}
		if n := int(p.span) * pageSize; cap(*buf) < n {
			*buf = make([]byte, n)
		}
		b = (*buf)[:int(p.span)*pageSize]
		if _, err := im.r.ReadAt(b, int64(id)*pageSize); err != nil {
			return page{}, fmt.Errorf("%w: cannot read page %d: %w", errPage, id, err)
		}
		p.b = b
	}
	return p, p.check()
}

func parsePage(b []byte, id uint64) (page, error) {
	le := binary.LittleEndian
	if len(b) < pageHeader {
		return page{}, errPage
	}
	p := page{id: id, flags: le.Uint16(b[8:]), count: int(le.Uint16(b[10:])), span: uint64(le.Uint32(b[12:])) + 1, b: b}
	if le.Uint64(b) != id {
		return page{}, fmt.Errorf("%w: page %d says that it is page %d", errPage, id, le.Uint64(b))
	}
	switch p.flags {
	case pageBranch, pageLeaf, pageFreelist:
		return p, nil
	}
	return page{}, fmt.Errorf("%w: page %d is of kind %#x", errPage, id, p.flags)
}

// check looks at the elements: all inside the page, keys rising.
func (p *page) check() error {
	if p.flags == pageFreelist {
		return nil
	}
	if p.flags == pageBranch && p.count == 0 {
		return fmt.Errorf("%w: branch page %d is empty", errPage, p.id)
	}
	if pageHeader+p.count*elementSize > len(p.b) {
		return fmt.Errorf("%w: page %d has %d elements", errPage, p.id, p.count)
	}
	var last []byte
	for i := range p.count {
		key, _, ok := p.element(i)
		if !ok || len(key) == 0 {
			return fmt.Errorf("%w: element %d of page %d lies outside it", errPage, i, p.id)
		}
		if i > 0 && bytes.Compare(last, key) >= 0 {
			return fmt.Errorf("%w: keys of page %d are out of order", errPage, p.id)
		}
		last = key
	}
	return nil
}

// element gives the key and, of a leaf, the value of element i.
func (p *page) element(i int) (key, value []byte, ok bool) {
	le := binary.LittleEndian
	at := uint64(pageHeader + i*elementSize)
	e := p.b[at:]
	if p.flags == pageBranch {
		from := at + uint64(le.Uint32(e))
		to := from + uint64(le.Uint32(e[4:]))
		if from < uint64(pageHeader+p.count*elementSize) || to > uint64(len(p.b)) {
			return nil, nil, false
		}
		return p.b[from:to:to], nil, true
	}
	from := at + uint64(le.Uint32(e[4:]))
	mid := from + uint64(le.Uint32(e[8:]))
	to := mid + uint64(le.Uint32(e[12:]))
	if from < uint64(pageHeader+p.count*elementSize) || to > uint64(len(p.b)) {
		return nil, nil, false
	}
	return p.b[from:mid:mid], p.b[mid:to:to], true
}

func (p *page) elementFlags(i int) uint32 {
	return binary.LittleEndian.Uint32(p.b[pageHeader+i*elementSize:])
}

func (p *page) child(i int) uint64 {
	return binary.LittleEndian.Uint64(p.b[pageHeader+i*elementSize+8:])
}

// freeIDs are the ids on a freelist page.
func (p *page) freeIDs() ([]uint64, error) {
	n, at := p.count, pageHeader
	if n == 0xFFFF {
		if len(p.b) < at+8 {
			return nil, errPage
		}
		long := binary.LittleEndian.Uint64(p.b[at:])
		if long > uint64(len(p.b)/8) {
			return nil, fmt.Errorf("%w: freelist of %d pages", errPage, long)
		}
		n, at = int(long), at+8
	}
	if at+n*8 > len(p.b) {
		return nil, fmt.Errorf("%w: freelist of %d pages", errPage, n)
	}
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = binary.LittleEndian.Uint64(p.b[at+i*8:])
	}
	return ids, nil
}

// walk is one passage through the tree below a meta page.
type walk struct {
	im      *image
	high    uint64
	seen    bitmap // pages that were read
	damage  []Damage
	skipped int // damage beyond what is listed
	row     func(bucket string, key, value []byte)
	subs    []subBucket
	seek    []byte           // page buffer of get
	levels  [maxDepth][]byte // one page buffer per level
}

// Damage is a page that does not hold what it should.
type Damage struct {
	Page   uint64 `json:"page"`
	Bucket string `json:"bucket,omitempty"`
	What   string `json:"what"`
}

const maxDamage = 100

func newWalk(im *image, high uint64, row func(bucket string, key, value []byte)) *walk {
	return &walk{im: im, high: high, seen: newBitmap(im.pages), row: row}
}

func (w *walk) report(id uint64, bucket string, err error) {
	if len(w.damage) >= maxDamage {
		w.skipped++
		return
	}
	w.damage = append(w.damage, Damage{Page: id, Bucket: bucket, What: err.Error()})
}

func (w *walk) sound() bool { return len(w.damage) == 0 }

// bitmap is a set of page numbers.
type bitmap []uint64

func newBitmap(n uint64) bitmap { return make(bitmap, (n+63)/64) }

func (m bitmap) has(id uint64) bool { return m[id/64]&(1<<(id%64)) != 0 }

func (m bitmap) add(id uint64) { m[id/64] |= 1 << (id % 64) }

// tree walks a tree of pages in key order. low and high bound its keys; a nil
// high is no bound.
func (w *walk) tree(bucket string, root uint64, depth int, low, high []byte) {
	if depth >= maxDepth {
		w.report(root, bucket, fmt.Errorf("%w: tree is too deep", errPage))
		return
	}
	p, err := w.im.read(root, w.high, &w.levels[depth])
	if err == nil && p.flags == pageFreelist {
		err = fmt.Errorf("%w: page %d is a freelist inside a tree", errPage, root)
	}
	if err != nil {
		w.report(root, bucket, err)
		return
	}
	for i := range p.span {
		if w.seen.has(root + i) {
			w.report(root, bucket, fmt.Errorf("%w: page %d is used twice", errPage, root+i))
			return
		}
	}
	for i := range p.span {
		w.seen.add(root + i)
	}
	if p.count > 0 {
		first, _, _ := p.element(0)
		last, _, _ := p.element(p.count - 1)
		if bytes.Compare(first, low) < 0 || high != nil && bytes.Compare(last, high) >= 0 {
			// Its rows are read all the same: each says for itself whether it
			// is where it belongs.
			w.report(root, bucket, fmt.Errorf("%w: keys of page %d belong elsewhere", errPage, root))
		}
	}
	if p.flags == pageLeaf {
		w.leaf(bucket, &p, depth)
		return
	}
	for i := range p.count {
		key, _, _ := p.element(i)
		end := high
		if i+1 < p.count {
			end, _, _ = p.element(i + 1)
		}
		w.tree(bucket, p.child(i), depth+1, key, end)
	}
}

func (w *walk) leaf(bucket string, p *page, depth int) {
	for i := range p.count {
		key, value, _ := p.element(i)
		isBucket := p.elementFlags(i)&elementBucket != 0
		switch {
		case isBucket && bucket == "":
			w.subs = append(w.subs, subBucket{string(key), bytes.Clone(value), p.id})
		case isBucket:
			w.report(p.id, bucket, fmt.Errorf("%w: a bucket inside a bucket", errPage))
		case bucket == "":
			w.report(p.id, bucket, fmt.Errorf("%w: a row outside of every bucket", errPage))
		default:
			w.row(bucket, key, value)
		}
	}
}

// subBucket is a bucket as its parent's page describes it.
type subBucket struct {
	name   string
	header []byte
	page   uint64
}

// root finds the buckets below a meta page.
func (w *walk) root(m fileMeta) { w.tree("", m.root, 0, nil, nil) }

// bucket walks one of the buckets found. It reports false if there is none of
// that name.
func (w *walk) bucket(name string) bool {
	i := slices.IndexFunc(w.subs, func(s subBucket) bool { return s.name == name })
	if i < 0 {
		return false
	}
	sub := w.subs[i]
	if len(sub.header) < inBucket {
		w.report(sub.page, name, fmt.Errorf("%w: bucket %q is cut short", errPage, name))
		return true
	}
	if root := binary.LittleEndian.Uint64(sub.header); root != 0 {
		w.tree(name, root, 0, nil, nil)
		return true
	}
	p, err := parsePage(sub.header[inBucket:], 0)
	if err == nil && (p.flags != pageLeaf || p.span != 1) {
		err = errPage
	}
	if err == nil {
		err = p.check()
	}
	if err != nil {
		w.report(sub.page, name, fmt.Errorf("%w: inline bucket %q", errPage, name))
		return true
	}
	w.leaf(name, &p, 0)
	return true
}

// get finds a row of a bucket. It is for trees that were walked and found sound.
func (w *walk) get(bucket string, key []byte) (value []byte, found bool) {
	i := slices.IndexFunc(w.subs, func(s subBucket) bool { return s.name == bucket })
	if i < 0 || len(w.subs[i].header) < inBucket {
		return nil, false
	}
	id := binary.LittleEndian.Uint64(w.subs[i].header)
	p, err := parsePage(w.subs[i].header[inBucket:], 0)
	for depth := 0; ; depth++ {
		if id != 0 {
			p, err = w.im.read(id, w.high, &w.seek)
		}
		if err != nil || depth >= maxDepth || p.flags != pageBranch && p.flags != pageLeaf {
			return nil, false
		}
		at, exact := sort.Find(p.count, func(i int) int {
			k, _, _ := p.element(i)
			return bytes.Compare(key, k)
		})
		if p.flags == pageLeaf {
			if !exact {
				return nil, false
			}
			_, value, _ := p.element(at)
			return value, true
		}
		if !exact {
			at--
		}
		if at < 0 {
			return nil, false
		}
		id = p.child(at)
	}
}

// freelist checks the list of free pages against the tree walked before.
func (w *walk) freelist(id uint64) {
	var buf []byte
	p, err := w.im.read(id, w.high, &buf)
	if err == nil && p.flags != pageFreelist {
		err = fmt.Errorf("%w: page %d is not the freelist", errPage, id)
	}
	var ids []uint64
	if err == nil {
		ids, err = p.freeIDs()
	}
	if err != nil {
		w.report(id, "", err)
		return
	}
	last := uint64(1)
	for _, free := range ids {
		if free <= last || free >= w.high || free >= w.im.pages || w.seen.has(free) {
			w.report(id, "", fmt.Errorf("%w: page %d cannot be free", errPage, free))
			return
		}
		last = free
	}
}

// scan reads every page as one that begins there, whether a tree leads to it or
// not, and calls row for whatever could be an element of a leaf: also where the
// page's own head is damaged or the page lies in another's place. The rows may be
// old, of any bucket, or not rows of ours at all.
func (im *image) scan(row func(key, value []byte)) {
	var buf []byte
	const often = 256
	for id := range im.pages { // a page may also lie in the place of a meta page
		if im.step != nil && id%often == 0 {
			im.step(id)
		}
		if p, ok := im.loose(id, &buf); ok {
			p.rows(row)
		}
	}
}

// loose reads a page as a leaf, whatever it says it is.
func (im *image) loose(id uint64, buf *[]byte) (page, bool) {
	if cap(*buf) < pageSize {
		*buf = make([]byte, pageSize)
	}
	b := (*buf)[:pageSize]
	if n, err := im.r.ReadAt(b, int64(id)*pageSize); err != nil && n < pageSize {
		return page{}, false
	}
	p := page{id: id, flags: pageLeaf, span: uint64(binary.LittleEndian.Uint32(b[12:])) + 1, b: b}
	if p.span > 1 && p.span <= maxOverflow && id+p.span <= im.pages {
		n := int(p.span) * pageSize
		if cap(*buf) < n {
			*buf = make([]byte, n)
		}
		p.b = (*buf)[:n]
		if _, err := im.r.ReadAt(p.b, int64(id)*pageSize); err != nil {
			p.b = p.b[:pageSize]
		}
	}
	// The bytes of the first element lie right behind the last element.
	said := int(binary.LittleEndian.Uint16(p.b[10:]))
	first := int(binary.LittleEndian.Uint32(p.b[pageHeader+4:]) / elementSize)
	p.count = min(max(said, min(first, 1<<16)), (len(p.b)-pageHeader)/elementSize)
	return p, true
}

// rows calls row for the elements that lie inside the page.
func (p *page) rows(row func(key, value []byte)) {
	for i := range p.count {
		key, value, ok := p.inside(i)
		if !ok || len(key) == 0 {
			continue
		}
		row(key, value)
		if p.elementFlags(i)&elementBucket != 0 && len(value) > inBucket+pageHeader+elementSize {
			in := page{flags: pageLeaf, b: value[inBucket:]}
			in.count = min(int(binary.LittleEndian.Uint16(in.b[10:])), (len(in.b)-pageHeader)/elementSize)
			for j := range in.count {
				if key, value, ok := in.inside(j); ok && len(key) > 0 {
					row(key, value)
				}
			}
		}
	}
}

// inside is element for a page that was not checked.
func (p *page) inside(i int) (key, value []byte, ok bool) {
	le := binary.LittleEndian
	at := uint64(pageHeader + i*elementSize)
	e := p.b[at:]
	from := at + uint64(le.Uint32(e[4:]))
	mid := from + uint64(le.Uint32(e[8:]))
	to := mid + uint64(le.Uint32(e[12:]))
	if to > uint64(len(p.b)) {
		return nil, nil, false
	}
	return p.b[from:mid:mid], p.b[mid:to:to], true
}
