package storage

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"clinicgate/storage/auditlog"
	"clinicgate/storage/seal"
)

// AuditOptions say what a store's audit log is held against.
type AuditOptions struct {
	Path  string
	Kiosk string
	Keys  AuditKeys
	// Public are the keys that may have signed checkpoints.
	Public []ed25519.PublicKey
	// Notes are checkpoints that somebody else kept: from PubNub, from a file.
	Notes [][]byte
	// Progress, if set, is told the records looked at so far and about how many there
	// are, each of them twice.
	Progress func(done, total int64)
}

// AuditKeys are what verifying needs of a keyring. *keyring.Ring and, with the
// purpose "head" exported, *keyring.KeySet are AuditKeys.
type AuditKeys interface {
	seal.Keys
	Secret(purpose string) ([]byte, error)
}

// Audit is what verifying found, one report for each life of the store.
type Audit struct {
	Logs []auditlog.Report
	// Side is what the head file beside the store says, where there is one.
	Side *auditlog.Verdict
}

// OK reports whether every record of every log is vouched for.
func (a Audit) OK() bool {
	for _, l := range a.Logs {
		if !l.OK() {
			return false
		}
	}
	return a.Side == nil || *a.Side == auditlog.Same || *a.Side == auditlog.DBAhead
}

// First is the first bad record: the log that it is in, and what is wrong.
func (a Audit) First() (log string, p auditlog.Problem, found bool) {
	for _, l := range a.Logs {
		if p, found = l.First(); found {
			return l.Origin, p, true
		}
	}
	return "", p, false
}

// VerifyAudit verifies the audit log in a store file that no process has open,
// or in a copy. It reads, and maps nothing.
func VerifyAudit(ctx context.Context, o AuditOptions) (Audit, error) {
	f, err := os.Open(o.Path)
	if err != nil {
		return Audit{}, fmt.Errorf("cannot verify audit log: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Audit{}, fmt.Errorf("cannot verify audit log: %w", err)
	}
	src := &imageRows{im: newImage(f, info.Size())}
	metas := src.im.metas()
	if len(metas) == 0 {
		return Audit{}, hint("clinicgate store check", "cannot verify audit log: %w", errPage)
	}
	src.meta = metas[0]
	v := auditor{ctx: ctx, o: o, src: src}
	if err := v.run(); err != nil {
		return Audit{}, fmt.Errorf("cannot verify audit log: %w", err)
	}
	v.judgeSide(filepath.Join(filepath.Dir(o.Path), sideName))
	return v.out, nil
}

// VerifyAudit verifies the audit log of the running store against the keys that
// it signs with and checkpoints that somebody else kept. progress may be nil; see
// [AuditOptions].
func (s *Store) VerifyAudit(ctx context.Context, progress func(done, total int64), notes ...[]byte) (a Audit, err error) {
	ctx, cancel := context.WithTimeout(ctx, auditTimeout)
	defer cancel()
	err = s.view(ctx, func(r *Reader) error {
		v := auditor{ctx: r.ctx, src: boltRows{r.bolt}, o: AuditOptions{
			Kiosk: s.o.Kiosk, Keys: s.o.Keys, Public: s.o.Keys.OwnPublicKeys(), Notes: notes, Progress: progress,
		}}
		err := v.run()
		a = v.out
		return err
	})
	if err != nil {
		return Audit{}, fmt.Errorf("cannot verify audit log: %w", err)
	}
	return a, nil
}

// auditTimeout bounds how long verifying keeps pages from being used again.
const auditTimeout = 5 * time.Minute

// rows are the rows of a store, from wherever.
type rows interface {
	each(b bucket, fn func(key, value []byte))
	get(b bucket, key []byte) []byte
}

type imageRows struct {
	im   *image
	meta fileMeta
	w    *walk
}

func (r *imageRows) each(b bucket, fn func(key, value []byte)) {
	w := newWalk(r.im, r.meta.high, func(_ string, key, value []byte) { fn(key, value) })
	w.root(r.meta)
	w.bucket(bucketNames[b])
}

func (r *imageRows) get(b bucket, key []byte) []byte {
	if r.w == nil {
		r.w = newWalk(r.im, r.meta.high, nil)
		r.w.root(r.meta)
	}
	v, _ := r.w.get(bucketNames[b], key)
	return v
}

type boltRows struct{ tx *bolt.Tx }

func (r boltRows) each(b bucket, fn func(key, value []byte)) {
	defer guard()
	c := r.tx.Bucket([]byte(bucketNames[b])).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		fn(k, v)
	}
}

func (r boltRows) get(b bucket, key []byte) []byte {
	defer guard()
	return r.tx.Bucket([]byte(bucketNames[b])).Get(key)
}

// auditor brings the records of a store, which lie by stream, into the order of
// its logs.
type auditor struct {
	ctx   context.Context
	o     AuditOptions
	src   rows
	head  head
	out   Audit
	logs  map[uint32]*auditedLog
	start uint64 // of the part that is verified
	done  int64  // records looked at
}

type auditedLog struct {
	opening     []byte
	places      []leafPlace
	checkpoints []auditlog.SignedTree
	end         *auditlog.Head
}

// leafPlace says where the leaf of a position is: the record under a key, or a
// kept hash.
type leafPlace struct {
	pos  uint64
	key  [eventKeySize]byte
	leaf *auditlog.Hash
}

func (a *auditor) run() error {
	var err error
	if a.head, err = openHead(a.src.get(bHead, headKey), a.o.Keys); err != nil {
		return err
	}
	a.logs = make(map[uint32]*auditedLog)
	a.src.each(bLogs, a.logRow)
	n := 0
	a.src.each(bEvents, func(key, value []byte) {
		if n++; n&0xfff == 0 && a.ctx.Err() != nil || len(key) != eventKeySize {
			return
		}
		a.step()
		if r, _, err := openEvent(a.o.Keys, a.head.store, key, value); err == nil {
			l := a.log(r.Log)
			l.places = append(l.places, leafPlace{pos: r.Pos, key: [eventKeySize]byte(key)})
		}
	})
	a.src.each(bLeaves, a.tileRow)
	if err := a.ctx.Err(); err != nil {
		return err
	}
	end := a.head.side()
	a.log(a.head.life).end = &end
	lives := make([]uint32, 0, len(a.logs))
	for life := range a.logs {
		lives = append(lives, life)
	}
	slices.Sort(lives)
	excused := a.declared()
	for _, life := range lives {
		report, err := a.verify(life, excused[logOrigin(a.o.Kiosk, a.head.store, life)])
		if err != nil {
			return err
		}
		a.out.Logs = append(a.out.Logs, report)
	}
	return a.strangers()
}

// step counts a record.
func (a *auditor) step() {
	if a.done++; a.o.Progress != nil && a.done&0xff == 0 {
		a.o.Progress(a.done, max(a.done, 2*int64(a.head.side().Size)))
	}
}

// strangers reports checkpoints of logs that the store knows nothing of: it was
// replaced as a whole, or the checkpoint is another kiosk's.
func (a *auditor) strangers() error {
	none := func(func(auditlog.Item, error) bool) {}
	for _, note := range a.o.Notes {
		origin, _, _ := bytes.Cut(note, []byte("\n"))
		if slices.ContainsFunc(a.out.Logs, func(l auditlog.Report) bool { return l.Origin == string(origin) }) {
			continue
		}
		report, err := auditlog.Verify(a.ctx, none, auditlog.Evidence{
			Origin: string(origin), Keys: a.o.Public, Checkpoints: []auditlog.SignedTree{{Note: note}},
		})
		if err != nil {
			return err
		}
		a.out.Logs = append(a.out.Logs, report)
	}
	return nil
}

// declared lists by log what later openings say is lost.
func (a *auditor) declared() declarations {
	d := make(declarations)
	for _, l := range a.logs {
		d.add(l.opening)
	}
	return d
}

// declarations are the records of logs, by origin, that the openings of later
// logs say were lost to damage: ranges in order and apart.
type declarations map[string][]auditlog.Range

// add takes what an opening says. What went with a newer file that was replaced
// by an older one is not excused by saying so: whoever replaced it could have it
// said.
func (d declarations) add(opening []byte) {
	o, err := auditlog.ParseOpening(opening)
	if err != nil || o.Previous == nil || o.Previous.Reason == reasonRolledBack {
		return
	}
	for _, e := range append(o.Previous.Earlier, auditlog.Lost{Origin: o.Previous.Origin, Unreadable: o.Previous.Unreadable}) {
		d[e.Origin] = apart(append(d[e.Origin], e.Unreadable...))
	}
}

// apart sorts ranges and joins those that overlap.
func apart(ranges []auditlog.Range) (out []auditlog.Range) {
	slices.SortFunc(ranges, func(a, b auditlog.Range) int { return cmp.Compare(a.From, b.From) })
	for _, r := range ranges {
		if n := len(out); n > 0 && r.From <= out[n-1].To {
			out[n-1].To = max(out[n-1].To, r.To)
		} else {
			out = append(out, r)
		}
	}
	return out
}

func (a *auditor) log(life uint32) *auditedLog {
	if a.logs[life] == nil {
		a.logs[life] = new(auditedLog)
	}
	return a.logs[life]
}

func (a *auditor) logRow(key, value []byte) {
	if len(key) != 13 {
		return
	}
	_, plain, err := openRow(a.o.Keys, a.head.store, bLogs, key, value)
	if err != nil {
		return
	}
	l := a.log(binary.BigEndian.Uint32(key))
	switch key[4] {
	case logOpening:
		l.opening = plain
	case logCheckpoint:
		if k, err := parseKept(plain); err == nil {
			l.checkpoints = append(l.checkpoints, auditlog.SignedTree{Note: k.note, Tree: &k.tree})
		}
	case logEnd:
		var log auditlog.Log
		if log.UnmarshalBinary(plain) == nil {
			l.end = &auditlog.Head{Size: log.Size(), Last: log.Last()}
		}
	}
}

func (a *auditor) tileRow(key, value []byte) {
	_, plain, err := openRow(a.o.Keys, a.head.store, bLeaves, key, value)
	if err != nil {
		return
	}
	t, err := parseTile(key, plain)
	if err != nil {
		return
	}
	l := a.log(t.life)
	for i := range t.leaves {
		l.places = append(l.places, leafPlace{pos: t.position(i), leaf: &t.leaves[i]})
	}
}

func (a *auditor) verify(life uint32, excused []auditlog.Range) (auditlog.Report, error) {
	l := a.logs[life]
	slices.SortFunc(l.places, func(x, y leafPlace) int { return cmp.Compare(x.pos, y.pos) })
	origin := logOrigin(a.o.Kiosk, a.head.store, life)
	ev := auditlog.Evidence{
		Origin: origin, Keys: a.o.Public, Checkpoints: l.checkpoints, Head: l.end, Excused: excused, Start: a.start,
	}
	for _, note := range a.o.Notes {
		if bytes.HasPrefix(note, []byte(origin+"\n")) {
			ev.Checkpoints = append(ev.Checkpoints, auditlog.SignedTree{Note: note})
		}
	}
	return auditlog.Verify(a.ctx, a.items(l), ev)
}

func (a *auditor) items(l *auditedLog) iter.Seq2[auditlog.Item, error] {
	return func(yield func(auditlog.Item, error) bool) {
		if l.opening != nil && !yield(auditlog.Item{Index: 0, Record: l.opening}, nil) {
			return
		}
		for _, p := range l.places {
			a.step()
			item := auditlog.Item{Index: p.pos}
			if p.leaf != nil {
				item.Leaf, item.Pruned = *p.leaf, true
			} else {
				_, plain, err := openEvent(a.o.Keys, a.head.store, p.key[:], a.src.get(bEvents, p.key[:]))
				item.Record, item.Unreadable = plain, err != nil
			}
			if !yield(item, nil) {
				return
			}
		}
	}
}

// judgeSide holds the store against the head file beside it.
func (a *auditor) judgeSide(path string) {
	key, err := a.o.Keys.Secret(purposeHead)
	if err != nil {
		return
	}
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	side, err := auditlog.NewHeadFile(readOnly{f}, key).Read()
	if err != nil {
		return
	}
	places := a.log(a.head.life).places
	v := auditlog.Compare(side, a.head.side(), func(pos uint64) (auditlog.Hash, bool) {
		i, ok := slices.BinarySearchFunc(places, pos, func(p leafPlace, pos uint64) int {
			return cmp.Compare(p.pos, pos)
		})
		if !ok || places[i].leaf != nil {
			return auditlog.Hash{}, false
		}
		_, plain, err := openEvent(a.o.Keys, a.head.store, places[i].key[:], a.src.get(bEvents, places[i].key[:]))
		return auditlog.LeafHash(plain), err == nil
	})
	a.out.Side = &v
}

type readOnly struct{ *os.File }

func (readOnly) WriteAt([]byte, int64) (int, error) { return 0, os.ErrPermission }
