package auditlog

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"iter"
	"slices"
)

// Item is one record of a stored log, as its store holds it today.
type Item struct {
	Index uint64
	// Record is the record's canonical bytes. It may be reused by the iterator
	// once the next item is asked for.
	Record []byte
	// Leaf is the kept leaf hash of a record whose body was pruned; it is used
	// where Pruned is set.
	Leaf   Hash
	Pruned bool
	// Unreadable marks a record that is there but does not open.
	Unreadable bool
}

// SignedTree is a checkpoint with, if it was kept, the right edge that it was
// made from. The edge lets verification go on behind a hole, and lets a log
// begin behind records that retention has taken away altogether.
type SignedTree struct {
	Note []byte
	Tree *Tree
}

// Evidence is what a log is held against. Only Origin is required.
type Evidence struct {
	Origin string
	// Keys are the public keys that may have signed checkpoints.
	Keys []ed25519.PublicKey
	// Checkpoints may come from the store, from PubNub or from a file that an
	// auditor kept, in any order.
	Checkpoints []SignedTree
	// Head is the end of the log by another witness (the store's own head, what
	// was kept of it when the log was closed). Nil where nobody knows: the log ends
	// where it ends.
	Head *Head
	// Start is the index of the first record that retention left. Unless it is
	// 0, a checkpoint of that size with its Tree must be among Checkpoints.
	Start uint64
	// Excused are ranges, in order and apart, that a later opening has declared
	// lost to damage.
	Excused []Range
}

// Verify reads a log from its first item to its last and says which records
// nobody vouches for. The error is that of the iterator or of ctx, never a
// finding: findings are in the Report.
//
// A record is vouched for by the next one, which carries its leaf hash, and by
// each later checkpoint through the tree. Where the two disagree, the next
// record is believed, and the tree goes on with the hash it carries, so that a
// later checkpoint still tells whether the rest is whole. Should that checkpoint
// agree with the record rather than with its successor, it is the successor
// that was altered, and the report says so.
func Verify(ctx context.Context, items iter.Seq2[Item, error], ev Evidence) (Report, error) {
	v := verifier{ev: ev, pos: ev.Start}
	v.report.Origin = ev.Origin
	v.openCheckpoints()
	v.begin()
	n := 0
	for item, err := range items {
		if err != nil {
			return v.report, fmt.Errorf("cannot read audit record %d: %w", v.end(), err)
		}
		if n++; n&0xfff == 0 && ctx.Err() != nil {
			return v.report, ctx.Err()
		}
		v.item(item)
	}
	v.finish()
	return v.report, nil
}

// verifier walks the log once. The newest leaf is held back until the record
// after it has said what that leaf should be.
type verifier struct {
	ev          Evidence
	checkpoints []checkedTree // those still ahead, by size
	report      Report

	pos       uint64 // leaves in the tree so far
	tree      Tree
	treeKnown bool   // the tree holds all of [0, pos)
	lastGood  uint64 // where the tree last agreed with a checkpoint

	held      bool
	leaf      Hash // of record pos, where held
	leafKnown bool

	// doubt is the tree as it would be if not the record at doubtAt, but the
	// one after it, was altered. A checkpoint decides between it and tree.
	doubt   *Tree
	doubtAt uint64
}

type checkedTree struct {
	Checkpoint
	tree *Tree
}

func (v *verifier) openCheckpoints() {
	for _, st := range v.ev.Checkpoints {
		c, err := OpenCheckpoint(st.Note, v.ev.Origin, v.ev.Keys...)
		if err != nil {
			v.report.BadCheckpoints++
			continue
		}
		t := st.Tree
		if t != nil && (t.Size() != c.Size || t.Root() != c.Root) {
			t = nil // an edge that its signature does not cover is worth nothing
		}
		v.checkpoints = append(v.checkpoints, checkedTree{c, t})
	}
	slices.SortStableFunc(v.checkpoints, func(a, b checkedTree) int {
		switch {
		case a.Size < b.Size:
			return -1
		case a.Size > b.Size:
			return 1
		}
		return 0
	})
}

// begin takes the tree that stands for what retention took away.
func (v *verifier) begin() {
	v.treeKnown = v.pos == 0
	for _, c := range v.checkpoints {
		if c.Size == v.pos && c.tree != nil {
			v.tree, v.treeKnown, v.lastGood = *c.tree, true, c.Size
		}
	}
	if !v.treeKnown {
		v.problem(Missing, 0, v.pos, "no signed tree stands for the records before the first one kept")
	}
	v.checkpoints = slices.DeleteFunc(v.checkpoints, func(c checkedTree) bool { return c.Size < v.pos })
	v.settle()
}

// end is the index of the record that is expected next.
func (v *verifier) end() uint64 {
	if v.held {
		return v.pos + 1
	}
	return v.pos
}

func (v *verifier) item(it Item) {
	switch end := v.end(); {
	case it.Index < end:
		v.problem(Extra, it.Index, it.Index+1, "record comes a second time or out of order")
		return
	case it.Index > end:
		v.lost(Missing, end, it.Index, "nothing is stored there")
	}
	v.report.Records++
	switch {
	case it.Unreadable:
		v.report.Unreadable++
		v.lost(Unreadable, it.Index, it.Index+1, "what is stored there does not open")
	case it.Pruned:
		v.report.Pruned++
		v.push(it.Leaf)
	default:
		v.record(it)
	}
}

func (v *verifier) record(it Item) {
	r, err := ParseRecord(it.Record)
	if err != nil {
		v.lost(Altered, it.Index, it.Index+1, "what is stored there is not an audit record")
		return
	}
	if r.Index != it.Index {
		v.lost(Altered, it.Index, it.Index+1, fmt.Sprintf("what is stored there says that it is record %d", r.Index))
		return
	}
	if it.Index == 0 {
		if o, err := ParseOpening(it.Record); err != nil || o.Origin != v.ev.Origin {
			v.problem(Altered, 0, 1, "it is not the opening of this log")
		}
	} else if v.held {
		v.claim(r.Prev)
	}
	v.push(LeafHash(it.Record))
}

// claim takes another witness's word for the held leaf.
func (v *verifier) claim(leaf Hash) {
	if v.leafKnown && v.leaf != leaf {
		v.problem(Altered, v.pos, v.pos+1, "whoever comes after it carries another hash of it")
		if v.doubt == nil && v.treeKnown {
			t := v.tree
			t.Append(v.leaf)
			v.doubt, v.doubtAt = &t, v.pos
		}
	}
	v.leaf, v.leafKnown = leaf, true
}

// lost stands in for records whose leaf hashes nobody has. The last of them is
// held back like any other: the record after it may carry its hash.
func (v *verifier) lost(kind Kind, from, to uint64, detail string) {
	if v.excused(from, to) {
		v.report.Declared += to - from
	} else {
		v.problem(kind, from, to, detail)
	}
	v.release()
	for v.pos < to-1 {
		next := to - 1
		if len(v.checkpoints) > 0 {
			next = min(next, v.checkpoints[0].Size) // settle left only larger ones than pos
		}
		v.pos, v.treeKnown, v.doubt = next, false, nil
		v.settle()
	}
	v.held, v.leaf, v.leafKnown = true, Hash{}, false
}

// excused reports whether the declared ranges, which are in order, cover all of
// [from, to).
func (v *verifier) excused(from, to uint64) bool {
	for _, r := range v.ev.Excused {
		if r.From <= from && from < r.To {
			from = r.To
		}
	}
	return from >= to
}

// push releases the held leaf into the tree and holds back the new one.
func (v *verifier) push(leaf Hash) {
	v.release()
	v.held, v.leaf, v.leafKnown = true, leaf, true
}

func (v *verifier) release() {
	if !v.held {
		return
	}
	v.held = false
	if v.leafKnown && v.treeKnown {
		v.tree.Append(v.leaf)
		if v.doubt != nil && v.pos > v.doubtAt {
			v.doubt.Append(v.leaf)
		}
	} else {
		v.treeKnown, v.doubt = false, nil
	}
	v.report.Last = v.leaf
	v.pos++
	v.settle()
}

// settle holds the tree against the checkpoints of its present size.
func (v *verifier) settle() {
	n := 0
	for n < len(v.checkpoints) && v.checkpoints[n].Size == v.pos {
		n++
	}
	if n == 0 {
		return
	}
	same := v.checkpoints[:n]
	v.checkpoints = v.checkpoints[n:]
	signed := func(root Hash) bool {
		return slices.ContainsFunc(same, func(c checkedTree) bool { return c.Root == root })
	}
	if v.doubt != nil && !signed(v.tree.Root()) && signed(v.doubt.Root()) {
		v.tree = *v.doubt
		v.acquit(v.doubtAt)
	}
	v.doubt = nil
	good := v.treeKnown && signed(v.tree.Root())
	for _, c := range same {
		switch {
		case !v.treeKnown:
			v.report.Unchecked++
		case c.Root == v.tree.Root():
			v.report.Checkpoints++
		case !v.explained(c.Size):
			v.problem(Contradicted, v.lastGood, c.Size, fmt.Sprintf("a signed checkpoint of %d records has another root", c.Size))
		}
	}
	if good {
		v.lastGood, v.report.Checked = v.pos, v.pos
		return
	}
	// Go on from a signed tree, so that what follows is not blamed as well.
	v.treeKnown = false
	for _, c := range same {
		if c.tree != nil {
			v.tree, v.treeKnown, v.lastGood = *c.tree, true, c.Size
		}
	}
}

// explained reports whether a record since the last good checkpoint has been
// named already: then a root that differs has nothing to add.
func (v *verifier) explained(size uint64) bool {
	return slices.ContainsFunc(v.report.Problems, func(p Problem) bool { return v.lastGood <= p.From && p.From < size })
}

// acquit moves the blame for a wrong hash of record i to the one that carries it.
func (v *verifier) acquit(i uint64) {
	v.report.Problems = slices.DeleteFunc(v.report.Problems, func(p Problem) bool {
		return p.Kind == Altered && (p.From == i || p.From == i+1)
	})
	if h := v.ev.Head; h != nil && i+1 == h.Size {
		v.problem(Contradicted, i, i+1, "the head carries another hash of it than a signed checkpoint")
		return
	}
	v.problem(Altered, i+1, i+2, "it carries a wrong hash of the one before")
}

func (v *verifier) finish() {
	end := v.end()
	if h := v.ev.Head; h != nil {
		switch {
		case end < h.Size && v.excused(end, h.Size):
		case end < h.Size:
			v.problem(Truncated, end, h.Size, "the head names records that are not there")
		case end > h.Size:
			v.problem(Extra, h.Size, end, "they follow the one that the head names as last")
		case v.held:
			v.claim(h.Last)
		}
	}
	for _, r := range v.ev.Excused {
		if r.To > end {
			v.report.Declared += r.To - max(r.From, end)
		}
	}
	v.release()
	if n := len(v.checkpoints); n > 0 && !v.excused(end, v.checkpoints[n-1].Size) {
		v.problem(Truncated, end, v.checkpoints[n-1].Size, "a signed checkpoint covers records that are not there")
	}
	v.report.Size = v.pos
	if v.treeKnown {
		v.report.Root = v.tree.Root()
	}
}
