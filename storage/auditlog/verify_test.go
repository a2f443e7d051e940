package auditlog_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"clinicgate/storage/auditlog"
)

// kept is a log as a store would keep it.
type kept struct {
	items       []auditlog.Item
	checkpoints []auditlog.SignedTree
	head        auditlog.Head
	log         auditlog.Log
}

// write makes a log of n records, the opening included, with a checkpoint at
// each multiple of every.
func write(t testing.TB, n, every int) kept {
	t.Helper()
	return writeBodies(t, n, every, func(i int) string { return fmt.Sprintf("event %d", i) })
}

func writeBodies(t testing.TB, n, every int, body func(int) string) kept {
	t.Helper()
	var k kept
	l, record, err := auditlog.New(nil, auditlog.Opening{Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < n; i++ {
		if i > 0 {
			record = l.Append(nil, []byte(body(i)))
		}
		k.items = append(k.items, auditlog.Item{Index: uint64(i), Record: record})
		if every > 0 && (i+1)%every == 0 {
			k.sign(t, &l)
		}
	}
	k.log = l
	k.head = auditlog.Head{Inc: 1, Commit: uint64(n), Size: l.Size(), Last: l.Last()}
	return k
}

func (k *kept) sign(t testing.TB, l *auditlog.Log) {
	t.Helper()
	note, err := l.Checkpoint().Sign(signingKey(1))
	if err != nil {
		t.Fatal(err)
	}
	tree := l.Tree()
	k.checkpoints = append(k.checkpoints, auditlog.SignedTree{Note: note, Tree: &tree})
}

func (k kept) clone() kept {
	k.items = slices.Clone(k.items)
	for i := range k.items {
		k.items[i].Record = bytes.Clone(k.items[i].Record)
	}
	k.checkpoints = slices.Clone(k.checkpoints)
	return k
}

func (k kept) evidence() auditlog.Evidence {
	return auditlog.Evidence{
		Origin: origin, Keys: []ed25519.PublicKey{public(signingKey(1))}, Checkpoints: k.checkpoints, Head: &k.head,
	}
}

func items(list []auditlog.Item) iter.Seq2[auditlog.Item, error] {
	return func(yield func(auditlog.Item, error) bool) {
		for _, it := range list {
			if !yield(it, nil) {
				return
			}
		}
	}
}

func verify(t testing.TB, k kept, ev auditlog.Evidence) auditlog.Report {
	t.Helper()
	r, err := auditlog.Verify(context.Background(), items(k.items), ev)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAWholeLogVerifies(t *testing.T) {
	for n := 1; n <= 40; n++ {
		k := write(t, n, 7)
		r := verify(t, k, k.evidence())
		if !r.OK() || r.Records != uint64(n) || r.Size != uint64(n) || r.Checkpoints != n/7 || r.Checked != uint64(n/7*7) {
			t.Errorf("log of %d: %+v", n, r)
		}
		if r.Root != k.log.Checkpoint().Root || r.Last != k.log.Last() {
			t.Errorf("log of %d: root %v last %v", n, r.Root, r.Last)
		}
	}
}

// tamper is one way to change a log at record k. It returns the range in which
// the first problem must be named.
type tamper struct {
	name string
	do   func(k *kept, at int) (from, to int, possible bool)
}

func drop(list []auditlog.Item, i int) []auditlog.Item { return slices.Delete(list, i, i+1) }

func renumber(list []auditlog.Item) {
	for i := range list {
		list[i].Index = uint64(i)
	}
}

func tampers() []tamper {
	return []tamper{
		{"edit the body", func(k *kept, at int) (int, int, bool) {
			k.items[at].Record[auditlog.FrameSize] ^= 1
			return at, at, true
		}},
		{"append to the body", func(k *kept, at int) (int, int, bool) {
			k.items[at].Record = append(k.items[at].Record, '!')
			return at, at, true
		}},
		{"edit the index inside", func(k *kept, at int) (int, int, bool) {
			k.items[at].Record[8] ^= 1
			return at, at, true
		}},
		{"edit the version", func(k *kept, at int) (int, int, bool) {
			k.items[at].Record[0] ^= 1
			return at, at, true
		}},
		{"edit the previous hash", func(k *kept, at int) (int, int, bool) {
			k.items[at].Record[20] ^= 1
			return at - 1, at, true // past the last checkpoint, the one before is in doubt too
		}},
		{"empty the record", func(k *kept, at int) (int, int, bool) {
			k.items[at].Record = nil
			return at, at, true
		}},
		{"damage so that it does not open", func(k *kept, at int) (int, int, bool) {
			k.items[at] = auditlog.Item{Index: uint64(at), Unreadable: true}
			return at, at, true
		}},
		{"claim it was pruned, with another hash", func(k *kept, at int) (int, int, bool) {
			k.items[at] = auditlog.Item{Index: uint64(at), Pruned: true, Leaf: auditlog.LeafHash([]byte("lie"))}
			return at, at, true
		}},
		{"delete it", func(k *kept, at int) (int, int, bool) {
			k.items = drop(k.items, at)
			return at, at, true
		}},
		{"delete it and close the gap", func(k *kept, at int) (int, int, bool) {
			k.items = drop(k.items, at)
			renumber(k.items)
			return at, at, true
		}},
		{"repeat it", func(k *kept, at int) (int, int, bool) {
			k.items = slices.Insert(k.items, at+1, k.items[at])
			return at, at, true
		}},
		{"repeat it with the next number", func(k *kept, at int) (int, int, bool) {
			k.items = slices.Insert(k.items, at+1, k.items[at])
			renumber(k.items)
			return at + 1, at + 1, true
		}},
		{"insert one that fits the chain", func(k *kept, at int) (int, int, bool) {
			if at == 0 {
				return 0, 0, false
			}
			prev := auditlog.LeafHash(k.items[at-1].Record)
			forged := auditlog.AppendRecord(nil, auditlog.Record{Index: uint64(at), Prev: prev, Body: []byte("forged")})
			k.items = slices.Insert(k.items, at, auditlog.Item{Record: forged})
			renumber(k.items)
			// Right before a checkpoint the chain has nothing against it, and
			// the stretch since the last good one is named.
			return at / 7 * 7, at + 1, true
		}},
		{"replace it with one that fits the one before", func(k *kept, at int) (int, int, bool) {
			if at == 0 {
				return 0, 0, false
			}
			r, _ := auditlog.ParseRecord(k.items[at].Record)
			r.Body = []byte("forged")
			k.items[at].Record = auditlog.AppendRecord(nil, r)
			return at, at, true
		}},
		{"swap it with the next", func(k *kept, at int) (int, int, bool) {
			if at+1 >= len(k.items) {
				return 0, 0, false
			}
			k.items[at].Record, k.items[at+1].Record = k.items[at+1].Record, k.items[at].Record
			return at, at, true
		}},
		{"swap it with the next, numbers rewritten", func(k *kept, at int) (int, int, bool) {
			if at+1 >= len(k.items) {
				return 0, 0, false
			}
			a, b := k.items[at].Record, k.items[at+1].Record
			binary.BigEndian.PutUint64(a[1:], uint64(at+1))
			binary.BigEndian.PutUint64(b[1:], uint64(at))
			k.items[at].Record, k.items[at+1].Record = b, a
			return at - 1, at, true
		}},
		{"cut the tail", func(k *kept, at int) (int, int, bool) {
			k.items = k.items[:at]
			return at, at, true
		}},
		{"rewrite all that follows", func(k *kept, at int) (int, int, bool) {
			forge(k, at)
			if at == 0 {
				return 0, 0, true
			}
			// Consistent in itself: the next checkpoint convicts the stretch
			// since the last good one, or the head convicts the last record.
			good := at / 7 * 7
			return good, max(good, len(k.items)-1), true
		}},
	}
}

// forge edits record at and makes every later record fit.
func forge(k *kept, at int) {
	prev := auditlog.Genesis(origin)
	if at > 0 {
		prev = auditlog.LeafHash(k.items[at-1].Record)
	}
	for i := at; i < len(k.items); i++ {
		r, _ := auditlog.ParseRecord(k.items[i].Record)
		r.Prev = prev
		if i == at {
			r.Body = append(bytes.Clone(r.Body), " that never happened"...)
		}
		k.items[i].Record = auditlog.AppendRecord(nil, r)
		prev = auditlog.LeafHash(k.items[i].Record)
	}
}

// Every tampering at every record of a log is found, and named.
func TestEveryTamperingIsFoundAndNamed(t *testing.T) {
	const n = 40
	whole := write(t, n, 7)
	for _, tm := range tampers() {
		for at := range n {
			k := whole.clone()
			from, to, possible := tm.do(&k, at)
			if !possible {
				continue
			}
			r := verify(t, k, whole.evidence())
			first, found := r.First()
			if !found || r.OK() {
				t.Errorf("%s, record %d: not found", tm.name, at)
				continue
			}
			if int(first.From) < from || int(first.From) > to {
				t.Errorf("%s, record %d: the first problem named is %v, want it at %d to %d", tm.name, at, first, from, to)
			}
		}
	}
}

// With a checkpoint behind it, an edited previous hash is laid at the right
// door.
func TestTheLiarIsNamedNotTheOneLiedAbout(t *testing.T) {
	whole := write(t, 40, 7)
	for at := 1; at < 35; at++ {
		k := whole.clone()
		k.items[at].Record[20] ^= 1
		r := verify(t, k, whole.evidence())
		if len(r.Problems) != 1 || r.Problems[0].From != uint64(at) || r.Problems[0].To != uint64(at+1) {
			t.Errorf("record %d edited: %v", at, r.Problems)
		}
		if r.Checkpoints != 5 {
			t.Errorf("record %d edited: %d checkpoints matched", at, r.Checkpoints)
		}
	}
}

// A cut tail is found with any one of the witnesses alone.
func TestACutTailIsFoundByEachWitness(t *testing.T) {
	const n = 40
	whole := write(t, n, 7)
	for at := range n {
		k := whole.clone()
		k.items = k.items[:at]

		ev := whole.evidence()
		ev.Checkpoints = nil
		if first, ok := verify(t, k, ev).First(); !ok || first.Kind != auditlog.Truncated || first.From != uint64(at) {
			t.Errorf("cut at %d, head only: %v", at, first)
		}
		ev = whole.evidence()
		ev.Head = nil
		first, ok := verify(t, k, ev).First()
		if covered := at < n/7*7; ok != covered || ok && (first.Kind != auditlog.Truncated || first.From != uint64(at)) {
			t.Errorf("cut at %d, checkpoints only: %v", at, first)
		}
	}
}

func TestAnotherHistoryIsContradicted(t *testing.T) {
	mine := write(t, 40, 7)
	other := writeBodies(t, 40, 7, func(i int) string {
		if i < 17 {
			return fmt.Sprintf("event %d", i)
		}
		return fmt.Sprintf("another event %d", i)
	})
	ev := mine.evidence()
	ev.Checkpoints = append(ev.Checkpoints, other.checkpoints...) // what a witness kept of the fork
	r := verify(t, mine, ev)
	first, ok := r.First()
	if !ok || !(first == auditlog.Problem{Kind: auditlog.Contradicted, From: 14, To: 21, Detail: first.Detail}) {
		t.Errorf("fork after record 17: %v", r.Problems)
	}
	if r.BadCheckpoints != 0 {
		t.Errorf("fork: %d checkpoints did not verify", r.BadCheckpoints)
	}
}

func TestForeignCheckpointsAreNoEvidence(t *testing.T) {
	k := write(t, 20, 7)
	ev := k.evidence()
	forged, err := auditlog.Checkpoint{Origin: origin, Size: 14}.Sign(signingKey(9))
	if err != nil {
		t.Fatal(err)
	}
	ev.Checkpoints = append(ev.Checkpoints, auditlog.SignedTree{Note: forged}, auditlog.SignedTree{Note: []byte("not a note")})
	r := verify(t, k, ev)
	if r.OK() || len(r.Problems) != 0 || r.BadCheckpoints != 2 {
		t.Errorf("%+v", r)
	}
}

func TestPrunedBodiesLeaveAVerifiableLog(t *testing.T) {
	k := write(t, 60, 7)
	for i := range k.items[:45] {
		k.items[i] = auditlog.Item{Index: uint64(i), Pruned: true, Leaf: auditlog.LeafHash(k.items[i].Record)}
	}
	if r := verify(t, k, k.evidence()); !r.OK() || r.Pruned != 45 || r.Checkpoints != 8 {
		t.Errorf("bodies pruned: %+v", r)
	}
	for at := range 60 {
		bad := k.clone()
		if bad.items[at].Pruned {
			bad.items[at].Leaf[0] ^= 1
		} else {
			bad.items[at].Record[auditlog.FrameSize] ^= 1
		}
		first, ok := verify(t, bad, k.evidence()).First()
		// Among pruned records only the checkpoints bear witness.
		low := at
		if at < 44 {
			low = at / 7 * 7
		}
		if !ok || int(first.From) < low || int(first.From) > at || int(first.To) <= at {
			t.Errorf("record %d of a pruned log changed: %v", at, first)
		}
	}

	// Later the leaf hashes go too, up to a checkpoint whose tree stays.
	k.items = k.items[42:]
	ev := k.evidence()
	ev.Start = 42
	if r := verify(t, k, ev); !r.OK() || r.Checkpoints != 3 || r.Records != 18 {
		t.Errorf("start of the log pruned: %+v", r)
	}
	// Not just anywhere, and not without saying so.
	for name, ev := range map[string]auditlog.Evidence{
		"undeclared":          k.evidence(),
		"not at a checkpoint": func() auditlog.Evidence { e := k.evidence(); e.Start = 41; return e }(),
		"without the tree": func() auditlog.Evidence {
			e := k.evidence()
			e.Start, e.Checkpoints = 42, slices.Clone(e.Checkpoints)
			e.Checkpoints[5].Tree = nil
			return e
		}(),
		"with a false tree": func() auditlog.Evidence {
			e := k.evidence()
			e.Start, e.Checkpoints = 42, slices.Clone(e.Checkpoints)
			e.Checkpoints[5].Tree = e.Checkpoints[4].Tree
			return e
		}(),
	} {
		first, ok := verify(t, k, ev).First()
		if !ok || first.From != 0 || first.Kind != auditlog.Missing {
			t.Errorf("%s: %v", name, first)
		}
	}
}

// What a hole hides it hides; what lies behind it is still vouched for.
func TestAHoleDoesNotHideTheRest(t *testing.T) {
	whole := write(t, 40, 10)
	for from := range 40 {
		for to := from + 1; to <= 40; to += 5 {
			k := whole.clone()
			for i := from; i < to; i++ {
				k.items[i] = auditlog.Item{Index: uint64(i), Unreadable: true}
			}
			r := verify(t, k, whole.evidence())
			first, ok := r.First()
			if !ok || first.From != uint64(from) || first.Kind != auditlog.Unreadable || r.Unreadable != uint64(to-from) {
				t.Fatalf("unreadable %d to %d: %v", from, to, r.Problems)
			}
			// Where the salvage declared the range, nothing else is wrong.
			ev := whole.evidence()
			ev.Excused = []auditlog.Range{{From: uint64(from), To: uint64(from + 1)}, {From: uint64(from + 1), To: uint64(to)}}
			if r := verify(t, k, ev); !r.OK() {
				t.Fatalf("declared unreadable %d to %d: %v", from, to, r.Problems)
			} else if r.Checkpoints+r.Unchecked != 4 {
				t.Fatalf("declared unreadable %d to %d: %d checkpoints matched, %d not checked", from, to, r.Checkpoints, r.Unchecked)
			}
			ev.Excused = ev.Excused[:1]
			if first, ok := verify(t, k, ev).First(); ok != (to > from+1) || ok && first.From != uint64(from+1) {
				t.Fatalf("unreadable %d to %d, the first declared: %v", from, to, first)
			}
			ev.Excused = []auditlog.Range{{From: uint64(from), To: uint64(to)}}
			// An edit behind the hole is found.
			if to+1 < 40 {
				k.items[to+1].Record[auditlog.FrameSize] ^= 1
				first, ok := verify(t, k, ev).First()
				if !ok || first.From != uint64(to+1) {
					t.Fatalf("unreadable %d to %d, then %d edited: %v", from, to, to+1, first)
				}
			}
		}
	}
	// One unreadable record costs no checkpoint: the next record carries its
	// hash, and after the last one the head does.
	for at := range 40 {
		k := whole.clone()
		k.items[at] = auditlog.Item{Index: uint64(at), Unreadable: true}
		if r := verify(t, k, whole.evidence()); r.Checkpoints != 4 || len(r.Problems) != 1 {
			t.Errorf("record %d unreadable: %+v", at, r)
		}
	}
}

func TestAfterASalvageBothLogsVerify(t *testing.T) {
	old := write(t, 40, 7)
	closing := old.checkpoints[4] // of 35
	broken := old.clone()
	broken.items[20] = auditlog.Item{Index: 20, Unreadable: true}
	broken.items = slices.Delete(broken.items, 30, 32)
	lost := []auditlog.Range{{From: 20, To: 21}, {From: 30, To: 32}}

	fresh, record, err := auditlog.New(nil, auditlog.Opening{
		Origin: "clinicgate/lobby-1/2",
		Previous: &auditlog.Closed{
			Origin: origin, Note: string(closing.Note), Unreadable: lost, Recovered: 37, Reason: "page damaged",
		},
	})
	if err != nil {
		t.Fatal(err)
	}

	o, err := auditlog.ParseOpening(record)
	if err != nil || o.Previous == nil || len(o.Previous.Unreadable) != 2 || o.Origin != fresh.Origin() {
		t.Fatalf("opening: %+v, %v", o, err)
	}
	// The closed log, held against what its successor says.
	ev := broken.evidence()
	ev.Head, ev.Excused = nil, o.Previous.Unreadable
	if r := verify(t, broken, ev); !r.OK() || r.Size != 40 || r.Checked != 28 || r.Unchecked != 1 {
		t.Errorf("closed log: %+v", r)
	}
	// The last records may be among those that are lost.
	cut := broken.clone()
	cut.items = cut.items[:len(cut.items)-3]
	ev.Excused = append(slices.Clone(lost), auditlog.Range{From: 37, To: 40})
	if r := verify(t, cut, ev); !r.OK() || r.Size != 37 || r.Declared != 6 {
		t.Errorf("closed log without its end: %+v", r)
	}
	// A witness that saw more of it than the closing admits proves a cut.
	c, err := auditlog.OpenCheckpoint([]byte(o.Previous.Note), origin, public(signingKey(1)))
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Previous.Admits(c, c); err != nil {
		t.Errorf("the closing checkpoint itself: %v", err)
	}
	for name, kept := range map[string]auditlog.Checkpoint{
		"larger":     {Origin: origin, Size: 36, Root: c.Root},
		"other root": {Origin: origin, Size: 35},
		"other log":  {Origin: "clinicgate/lobby-2/1", Size: 1},
	} {
		if err := o.Previous.Admits(c, kept); err == nil {
			t.Errorf("%s checkpoint was admitted", name)
		}
	}
	// The new log.
	list := []auditlog.Item{{Index: 0, Record: record}}
	for i := range 5 {
		list = append(list, auditlog.Item{Index: uint64(i + 1), Record: fresh.Append(nil, []byte("after"))})
	}
	r, err := auditlog.Verify(context.Background(), items(list), auditlog.Evidence{
		Origin: "clinicgate/lobby-1/2", Head: &auditlog.Head{Size: 6, Last: fresh.Last()},
	})
	if err != nil || !r.OK() {
		t.Errorf("new log: %+v, %v", r, err)
	}
	// A record of one log is not one of the other.
	list[0] = old.items[0]
	r, err = auditlog.Verify(context.Background(), items(list), auditlog.Evidence{Origin: "clinicgate/lobby-1/2"})
	if first, ok := r.First(); err != nil || !ok || first.From != 0 {
		t.Errorf("opening of another log: %+v, %v", r, err)
	}
}

// Whatever a random sequence of changes does to a log, it is either undone or
// found.
func TestRandomTamperingIsFound(t *testing.T) {
	const n = 64
	whole := write(t, n, 9)
	all := tampers()
	rapid.Check(t, func(rt *rapid.T) {
		k := whole.clone()
		for range rapid.IntRange(1, 4).Draw(rt, "changes") {
			at := rapid.IntRange(0, len(k.items)-1).Draw(rt, "at")
			tm := rapid.SampledFrom(all).Draw(rt, "change")
			if k.items[at].Record == nil || len(k.items[at].Record) <= auditlog.FrameSize {
				continue
			}
			ok := true
			for _, it := range k.items {
				ok = ok && len(it.Record) > auditlog.FrameSize
			}
			if !ok {
				continue
			}
			rt.Log(tm.name, at)
			tm.do(&k, at)
			if len(k.items) == 0 {
				break
			}
		}
		same := slices.EqualFunc(k.items, whole.items, func(a, b auditlog.Item) bool {
			return a.Index == b.Index && bytes.Equal(a.Record, b.Record) && a.Pruned == b.Pruned && a.Unreadable == b.Unreadable
		})
		if r := verify(t, k, whole.evidence()); r.OK() != same {
			rt.Fatalf("same = %v, report %+v", same, r)
		}
	})
}

func TestVerifyStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	k := write(t, 1, 0)
	endless := func(yield func(auditlog.Item, error) bool) {
		for i := uint64(0); yield(auditlog.Item{Index: i, Pruned: true}, nil); i++ {
			if i > 1<<20 {
				return
			}
		}
	}
	if _, err := auditlog.Verify(ctx, endless, k.evidence()); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	gone := errors.New("input/output error")
	failing := func(yield func(auditlog.Item, error) bool) { yield(auditlog.Item{}, gone) }
	if _, err := auditlog.Verify(context.Background(), failing, k.evidence()); !errors.Is(err, gone) {
		t.Errorf("iterator's error: %v", err)
	}
}

func TestAReportIsBounded(t *testing.T) {
	k := write(t, 2000, 0)
	for i := 0; i < 2000; i += 2 {
		k.items[i] = auditlog.Item{Index: uint64(i), Unreadable: true}
	}
	r := verify(t, k, k.evidence())
	if len(r.Problems) != 100 || r.More != 900 {
		t.Errorf("%d problems and %d more", len(r.Problems), r.More)
	}
	if got, want := r.Problems[1].String(), "record 2 unreadable: what is stored there does not open"; got != want {
		t.Errorf("String = %q, want %q", got, want)
	}
	// A wild index costs neither time nor memory.
	k = write(t, 3, 0)
	k.items[2].Index = 1 << 63
	if first, ok := verify(t, k, k.evidence()).First(); !ok || first.From != 2 {
		t.Errorf("wild index: %v", first)
	}
}

// A million records of 600 bytes, made up as they are asked for from their kept
// leaf hashes, with a checkpoint at every 256th.
func BenchmarkVerify(b *testing.B) {
	const n = 1_000_000
	l, opening, err := auditlog.New(nil, auditlog.Opening{Origin: origin})
	if err != nil {
		b.Fatal(err)
	}
	body, buf := make([]byte, 600), make([]byte, 0, 1024)
	prev := make([]auditlog.Hash, 1, n)
	k := kept{}
	for range n - 1 {
		prev = append(prev, l.Last())
		l.Append(buf, body)
		if l.Size()%256 == 0 {
			k.sign(b, &l)
		}
	}
	k.head = auditlog.Head{Size: l.Size(), Last: l.Last()}
	log := func(yield func(auditlog.Item, error) bool) {
		for i := range prev {
			record := opening
			if i > 0 {
				record = auditlog.AppendRecord(buf, auditlog.Record{Index: uint64(i), Prev: prev[i], Body: body})
			}
			if !yield(auditlog.Item{Index: uint64(i), Record: record}, nil) {
				return
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		r, err := auditlog.Verify(context.Background(), log, k.evidence())
		if err != nil || !r.OK() || r.Records != n || r.Checkpoints != n/256 {
			b.Fatal(r, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}
