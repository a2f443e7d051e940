package crashtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

// KeyFileName is the root key, beside the data directory.
const KeyFileName = "root.key"

// Run is one life of a process on a store.
type Run struct {
	Scenario *Scenario
	Phase    int
	// From is the first operation to do.
	From int
	// Dir holds the data directory, "data", and the root key.
	Dir string
	Out io.Writer
	// InWriter, if set, is called once by the thread that commits.
	InWriter func()
	// NoSync leaves out every sync.
	NoSync bool
	// Patience is how long an operation is tried again while the store is
	// fenced.
	Patience time.Duration
}

// ErrGaveUp means that the store stopped taking operations.
var ErrGaveUp = errors.New("store takes no operations")

// Do opens the store, does the operations of the phase and closes it.
func (r *Run) Do(ctx context.Context) error {
	phase := &r.Scenario.Phases[r.Phase]
	d, err := open(ctx, r.Dir, phase.At, r.NoSync)
	if err != nil {
		return err
	}
	if err := r.say("o " + strings.Join(flags(d.opened), " ")); err != nil {
		return err
	}
	if r.InWriter != nil {
		err := d.store.Update(ctx, func(*storage.Tx) error { r.InWriter(); return nil })
		if err != nil {
			return err
		}
	}
	failed := 0
	for ops := phase.Ops; len(ops) > 0; {
		n := 1
		for ops[0].Burst > 0 && n < len(ops) && ops[n].Burst == ops[0].Burst {
			n++
		}
		todo := ops[:n]
		ops = ops[n:]
		if todo[0].N < r.From {
			continue
		}
		ok, err := r.together(ctx, d, todo)
		if err != nil {
			return err
		}
		failed++
		if ok {
			failed = 0
		}
		if failed >= 2 {
			return ErrGaveUp
		}
	}
	if err := d.close(ctx); err != nil {
		return err
	}
	if err := r.say("c"); err != nil {
		return err
	}
	return r.say("e")
}

// together does operations at the same time: all wait for the writer before it
// takes the first.
func (r *Run) together(ctx context.Context, d *door, ops []Op) (ok bool, err error) {
	for i := range ops {
		if err := r.begin(d, &ops[i]); err != nil {
			return false, err
		}
	}
	type result struct {
		i int
		answered
	}
	results := make(chan result, len(ops))
	if len(ops) == 1 {
		results <- result{0, d.perform(ctx, &ops[0])}
	} else {
		release := d.hold(ctx)
		for i := range ops {
			go func() { results <- result{i, d.perform(ctx, &ops[i])} }()
		}
		for range len(ops) + 8 {
			runtime.Gosched()
		}
		time.Sleep(200 * time.Microsecond)
		release()
	}
	ok = true
	var again []int
	for range ops {
		res := <-results
		if err := r.answer(d, &ops[res.i], res.answered); err != nil {
			return false, err
		}
		if res.retry() {
			again = append(again, res.i)
		}
	}
	// An operation whose outcome is unknown, or that was refused for now, is
	// done again under the same id.
	for _, i := range again {
		ok = false
		wait := time.Millisecond
		for late := time.Now().Add(r.Patience); ; wait *= 2 {
			if err := r.begin(d, &ops[i]); err != nil {
				return false, err
			}
			a := d.perform(ctx, &ops[i])
			if err := r.answer(d, &ops[i], a); err != nil {
				return false, err
			}
			if !a.retry() {
				ok = true
				break
			}
			if time.Now().After(late) {
				return false, nil
			}
			time.Sleep(min(wait, 50*time.Millisecond))
		}
	}
	return ok, nil
}

func (r *Run) begin(d *door, op *Op) error {
	line := fmt.Sprintf("i %d", op.N)
	if op.Do == DoAdvance {
		if d.aimed != op.N {
			d.aim, d.aimErr = d.target(op)
			if d.aimErr == nil {
				d.aimed = op.N // where it leads does not change when it is tried again
			}
		}
		if d.aimErr == nil {
			line += fmt.Sprintf(" %d/%d", d.aim.Inc, d.aim.Seq)
		}
	}
	return r.say(line)
}

func (r *Run) answer(d *door, op *Op, a answered) error {
	switch {
	case a.wrong != "":
		return r.say(fmt.Sprintf("x %d %s", op.N, a.wrong))
	case errors.Is(a.err, errRefused), errors.Is(a.err, storage.ErrFenced), errors.Is(a.err, storage.ErrFull), errors.Is(a.err, storage.ErrClosed),
		errors.Is(a.err, storage.ErrConflict), errors.Is(a.err, context.Canceled) && !errors.Is(a.err, storage.ErrOutcomeUnknown):
		return r.say(fmt.Sprintf("n %d", op.N))
	case a.err != nil && (errors.Is(a.err, storage.ErrOutcomeUnknown) || len(op.Events) == 0):
		return r.say(fmt.Sprintf("u %d", op.N))
	case a.err != nil:
		return r.say(fmt.Sprintf("n %d", op.N))
	}
	line := fmt.Sprintf("a %d", op.N)
	for _, p := range a.receipts {
		line += fmt.Sprintf(" %d/%d", p.Inc, p.Seq)
		if p.Duplicate {
			line += "d"
		}
		d.known[op.Events[0].ID] = true
	}
	if a.blob != "" {
		line += " " + a.blob
	}
	return r.say(line)
}

func (r *Run) say(line string) error {
	_, err := io.WriteString(r.Out, line+"\n")
	return err
}

func flags(o storage.Opened) []string {
	var f []string
	for name, is := range map[string]bool{
		"created": o.Created, "clean": o.Clean, "lost": o.Lost, "rolled": o.Rolled != nil, "salvaged": o.Salvaged != nil,
	} {
		if is {
			f = append(f, name)
		}
	}
	return f
}

// door is an open store and its keys.
type door struct {
	dir    string
	ring   *keyring.Ring
	store  *storage.Store
	opened storage.Opened
	known  map[uuid.UUID]bool // events that this process saw acknowledged
	aim    storage.Cursor     // of the advance under way
	aimed  int                // the operation that it belongs to
	aimErr error
}

// errKeysLost means that there is data, but no keyring.
var errKeysLost = errors.New("data without a keyring")

// open does what the service does at its start.
func open(ctx context.Context, dir string, at time.Time, noSync bool) (*door, error) {
	data := filepath.Join(dir, "data")
	source := keyring.KeyFile(filepath.Join(dir, KeyFileName))
	classes := []string{storage.ClassStore, storage.ClassView}
	for _, k := range kinds() {
		classes = append(classes, k.KeyClass)
	}
	var ticks atomic.Int64
	wall := func() time.Time { return at.Add(time.Duration(ticks.Add(1)) * time.Millisecond) }
	opt := keyring.Options{Classes: classes, Now: wall}
	d := &door{dir: data, known: map[uuid.UUID]bool{}, aimed: -1}
	var err error
	if keyring.Exists(keyring.Dir(data)) {
		d.ring, err = keyring.Open(ctx, keyring.Dir(data), source, opt)
	} else if _, serr := os.Stat(filepath.Join(data, "store.db")); serr == nil {
		err = errKeysLost
	} else {
		d.ring, err = keyring.Create(ctx, keyring.Dir(data), source, opt)
	}
	if err != nil {
		return nil, err
	}
	boot := uuid.UUID{0: byte(at.Unix() >> 12), 6: 0x70, 8: 0x80}
	d.store, d.opened, err = storage.Open(ctx, storage.Options{
		Dir: data, Kiosk: kiosk, Kinds: kinds(), Keys: d.ring, Budget: 64 << 20, NoSync: noSync,
		Now: func() storage.Instant {
			t := wall()
			return storage.Instant{Wall: t, Boot: boot, Mono: t.Sub(at), Synced: true}
		},
		OnGap:        gapEvent,
		OnCheckpoint: checkpointEvent,
	})
	if err != nil {
		d.ring.Close()
		return nil, err
	}
	return d, nil
}

func (d *door) close(ctx context.Context) error {
	err := d.store.Close(ctx)
	d.ring.Close()
	return err
}

// derived is the id of an event that the store has made.
func derived(what string) (id uuid.UUID) {
	sum := sha256.Sum256([]byte(what))
	copy(id[:], sum[:])
	id[6], id[8] = id[6]&0x0f|0x80, id[8]&0x3f|0x80
	return id
}

func gapEvent(g storage.Gap) (storage.Event, error) {
	body := fmt.Sprintf(`{"gap":%q,"inc":%d,"first":%d,"last":%d,"outcome":%q}`, g.Channel, g.Inc, g.First, g.Last, g.Outcome)
	return storage.Event{ID: derived(body), Channel: chanGap, Kind: kindGap, Body: []byte(body)}, nil
}

func checkpointEvent(note []byte) (storage.Event, error) {
	body := fmt.Sprintf(`{"note":%q}`, note)
	return storage.Event{ID: derived(body), Channel: chanCheckpoint, Kind: kindCheckpoint, Body: []byte(body)}, nil
}

// hold keeps the writer busy until the returned function is called.
func (d *door) hold(ctx context.Context) (release func()) {
	begun, end, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	go func() {
		defer close(done)
		_ = d.store.Update(ctx, func(*storage.Tx) error {
			if once.CompareAndSwap(false, true) {
				close(begun)
				<-end
			}
			return nil
		})
	}()
	select {
	case <-begun:
	case <-done: // the store is fenced
	}
	return func() {
		close(end)
		<-done
	}
}

// answered is what the store answered to an operation.
type answered struct {
	receipts []storage.Receipt
	blob     string
	err      error
	wrong    string
}

func (a answered) retry() bool {
	return errors.Is(a.err, storage.ErrOutcomeUnknown) || errors.Is(a.err, storage.ErrFenced) || errors.Is(a.err, storage.ErrFull)
}

var errRefused = errors.New("changed my mind")

// target is where an advance will lead: by Count records; zero where none waits.
func (d *door) target(op *Op) (storage.Cursor, error) {
	records, err := d.store.Outbox(context.Background(), op.Channel, op.Count, 0)
	if err != nil || len(records) == 0 {
		return storage.Cursor{}, err
	}
	last := records[len(records)-1]
	return storage.Cursor{Inc: last.Inc, Seq: last.Seq}, nil
}

// perform does an operation once.
func (d *door) perform(ctx context.Context, op *Op) (a answered) {
	s := d.store
	switch op.Do {
	case DoAppend:
		events := make([]storage.Event, len(op.Events))
		for i := range events {
			events[i] = op.Events[i].event()
		}
		a.receipts, a.err = s.Append(ctx, events...)
	case DoUpdate, DoRefuse:
		a.err = s.Update(ctx, func(tx *storage.Tx) (err error) {
			a.receipts, err = d.update(tx, op)
			return err
		})
		if op.Do == DoRefuse && a.err == nil {
			a.wrong = "an update whose function failed was acknowledged"
		}
	case DoConflict:
		if !d.known[op.Events[0].ID] {
			return answered{err: errRefused} // it would be nothing but new
		}
		_, a.err = s.Append(ctx, op.Events[0].event())
		if a.err == nil {
			a.wrong = "other content was accepted under an id that is stored"
		}
	case DoAdvance:
		if a.err = d.aimErr; a.err == nil && d.aim != (storage.Cursor{}) {
			a.err = s.Advance(ctx, op.Channel, d.aim, op.Outcome, "refused", uint64(op.N))
		}
	case DoReceipt:
		for _, st := range s.Streams() {
			if st.Channel == op.Channel {
				a.err = s.Receipt(ctx, op.Channel, st.Sent)
			}
		}
	case DoRotate:
		_, a.err = d.ring.Rotate(op.Class)
	case DoCheckpoint:
		_, a.err = s.Checkpoint(ctx)
	case DoRetain:
		a.err = s.Retain(ctx, nil)
	case DoCompact:
		a.err = s.Compact(ctx, nil)
	case DoBlob:
		ref, err := s.PutBlob(ctx, "consent", op.blob())
		if err != nil {
			return answered{err: err}
		}
		a.blob = hex.EncodeToString(ref.Hash[:])
		a.err = s.Update(ctx, func(tx *storage.Tx) error {
			e := op.Events[0].event()
			r, err := tx.Append(e)
			a.receipts = []storage.Receipt{r}
			if err != nil || r.Duplicate {
				return err
			}
			return tx.Refer(ref, e.ID)
		})
	default:
		a.wrong = "no such operation: " + string(op.Do)
	}
	return a
}

// update does what a producer does: its event first, and where that is stored
// already, nothing else.
func (d *door) update(tx *storage.Tx, op *Op) (receipts []storage.Receipt, err error) {
	for i := range op.Events {
		r, err := tx.Append(op.Events[i].event())
		if err != nil {
			return nil, err
		}
		receipts = append(receipts, r)
		if r.Duplicate {
			return receipts, nil
		}
	}
	for _, row := range op.Rows {
		if row.Delete {
			err = tx.DeleteIn(viewName, viewGroup, []byte{row.Key})
		} else {
			err = tx.PutIn(viewName, viewGroup, []byte{row.Key}, op.value(row))
		}
		if err != nil {
			return nil, err
		}
	}
	if err := tx.SetCursor(cursorName, op.Cursor); err != nil {
		return nil, err
	}
	if op.Do == DoRefuse {
		return nil, errRefused
	}
	return receipts, nil
}

func createKey(dir string) error { return keyring.CreateKeyFile(filepath.Join(dir, KeyFileName)) }
