package downlink

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"clinicgate/kiosk/wire"
	"clinicgate/storage"
)

// inlet is one beside a bench's downlink, over the same store.
func (b *bench) inlet() *Inlet {
	return NewInlet(InletConfig{Self: "lobby-2", Now: time.Now, Apply: func(_ *storage.Tx, e Believed) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.applied = append(b.applied, e)
		return nil
	}}, b.store, peers)
}

// bring lets a kiosk's events come by the other way.
func (b *bench) bring(in *Inlet, kioskID string, list ...storage.Record) Taken {
	b.t.Helper()
	var believed []Believed
	for _, r := range list {
		text, err := wire.Signer{Kiosk: kioskID, Key: peers[kioskID].key}.Message(r)
		if err != nil {
			b.t.Fatal(err)
		}
		env, err := wire.Parse(text)
		if err != nil {
			b.t.Fatal(err)
		}
		events, own, err := in.Judge(r.Channel, env)
		if err != nil || own {
			b.t.Fatalf("own %v, %v", own, err)
		}
		believed = append(believed, events...)
	}
	taken, err := in.Take(context.Background(), believed)
	if err != nil {
		b.t.Fatal(err)
	}
	return taken
}

// Whichever way an event comes first, it counts once; PubNub's cursor moves with
// PubNub alone, and the timetoken is learned from there.
func TestTwoWaysIn(t *testing.T) {
	inBubble(t, func(b *bench) {
		t := b.t
		in := b.inlet()
		var list []storage.Record
		for seq := range uint64(6) {
			list = append(list, made(t, department, seq+1, fmt.Sprintf(statusBody, "staff:ana")))
		}
		if taken := b.bring(in, "lobby-1", list[0], list[1], list[3]); len(taken.Fresh) != 3 {
			t.Fatalf("%+v", taken)
		}
		if n := b.cursor(department); n != 0 {
			t.Errorf("the cursor moved to %d", n)
		}
		held, err := in.Held(context.Background(), []string{"lobby-1", "lobby-3"}, []string{department})
		want := []Held{{Kiosk: "lobby-1", Inc: 1, Channel: department, Seq: 2, Ahead: [][2]uint64{{4, 4}}}, {Kiosk: "lobby-3", Channel: department}}
		if err != nil || fmt.Sprint(held) != fmt.Sprint(want) {
			t.Errorf("held %v, want %v (%v)", held, want, err)
		}
		for _, r := range list {
			b.send("lobby-1", 0, r)
		}
		time.Sleep(5 * time.Second)
		if taken := b.bring(in, "lobby-1", list...); len(taken.Fresh) != 0 || taken.Duplicates != 6 {
			t.Errorf("what came from PubNub is new: %+v", taken)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(b.applied) != 6 || len(b.echoed) != 3 || b.echoed[0].Origin.Timetoken == 0 || len(b.refused) != 0 {
			t.Errorf("%d applied, %d learned a timetoken, refused %v", len(b.applied), len(b.echoed), b.refused)
		}
		slices.SortFunc(b.applied, func(x, y Believed) int { return int(x.Origin.Seq) - int(y.Origin.Seq) })
		for i, e := range b.applied {
			if e.Origin.Seq != uint64(i+1) {
				t.Errorf("event %d was applied as the %d.", e.Origin.Seq, i+1)
			}
		}
	})
}

// The proof of another's event is kept where it is asked for, and belongs to that
// event only.
func TestProofIsKept(t *testing.T) {
	inBubble(t, func(b *bench) {
		t := b.t
		in := b.inlet()
		first := made(t, department, 1, fmt.Sprintf(statusBody, "staff:ana"))
		later := made(t, department, 1+Window, fmt.Sprintf(statusBody, "staff:ana"))
		b.bring(in, "lobby-1", first)
		proofs := func() (list []uint64) {
			records, err := b.store.Read(context.Background(), department, "lobby-1", storage.Cursor{}, 10)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range records {
				if err := b.store.View(context.Background(), func(v *storage.Reader) error {
					p, ok, err := ProofOf(v, r)
					if err != nil || !ok {
						return err
					}
					text, err := wire.Again(r, p)
					if err != nil {
						return err
					}
					env, err := wire.Parse(text)
					if err != nil {
						return err
					}
					list = append(list, r.Seq)
					_, _, err = in.Judge(department, env)
					return err
				}); err != nil {
					t.Errorf("event %d: %v", r.Seq, err)
				}
			}
			return list
		}
		if got := proofs(); !slices.Equal(got, []uint64{1}) {
			t.Errorf("proofs of %v", got)
		}
		b.bring(in, "lobby-1", later) // takes the place of the first
		b.send("lobby-3", 0, made(t, department, 1, fmt.Sprintf(statusBody, "staff:ben")))
		time.Sleep(time.Second)
		if got := proofs(); !slices.Equal(got, []uint64{1 + Window}) {
			t.Errorf("proofs of %v", got)
		}
	})
}

func (b *bench) cursor(channel string) (at uint64) {
	b.t.Helper()
	if err := b.store.View(context.Background(), func(r *storage.Reader) (err error) {
		at, err = r.Cursor(cursorName(channel))
		return err
	}); err != nil {
		b.t.Fatal(err)
	}
	return at
}
