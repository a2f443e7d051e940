//go:build bench

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// appendArguments say what takes turns.
type appendArguments struct {
	Dir, Device string
	Producers   int
	View        bool // events that change a view; the store alone
	Turns       int
	Turn        time.Duration
}

// appendFound has the samples of the turns. The reference has one more: each
// turn of the others lies between two of it.
type appendFound struct{ Reference, Ours, Bare []sample }

func playAppend(_ context.Context, a appendArguments) (found appendFound, err error) {
	dir, err := os.MkdirTemp(a.Dir, "append-")
	if err != nil {
		return found, err
	}
	defer os.RemoveAll(dir)
	fp, err := learnFootprint(dir)
	if err != nil {
		return found, err
	}
	var engines []engine
	defer func() {
		for _, e := range engines {
			err = errors.Join(err, e.close())
		}
	}()
	reference, err := openReference(dir)
	if err != nil {
		return found, err
	}
	engines = append(engines, reference)
	store, err := openOurs(filepath.Join(dir), a.View)
	if err != nil {
		return found, err
	}
	engines = append(engines, store)
	bare, err := openBare(dir, fp)
	if err != nil {
		return found, err
	}
	engines = append(engines, bare)
	turn := func(e engine, to *[]sample) error {
		s, err := measure(e, dir, a.Device, a.Producers, a.Turn)
		*to = append(*to, s)
		return err
	}
	var warmUp []sample
	for _, e := range engines {
		if err := turn(e, &warmUp); err != nil {
			return found, err
		}
	}
	for range a.Turns {
		if !a.View {
			if err := turn(reference, &found.Reference); err != nil {
				return found, err
			}
		}
		if err := turn(store, &found.Ours); err != nil {
			return found, err
		}
		if !a.View {
			if err := turn(bare, &found.Bare); err != nil {
				return found, err
			}
		}
	}
	if a.View {
		return found, nil
	}
	return found, turn(reference, &found.Reference)
}

// between gives, for each turn, the mean of the reference before and after it.
func between(reference []sample, of func(sample) float64) []float64 {
	out := make([]float64, len(reference)-1)
	for i := range out {
		out[i] = (of(reference[i]) + of(reference[i+1])) / 2
	}
	return out
}

func each(list []sample, of func(sample) float64) []float64 {
	out := make([]float64, len(list))
	for i, s := range list {
		out[i] = of(s)
	}
	return out
}

func speed(s sample) float64    { return s.Rate }
func p99(s sample) float64      { return s.P99 }
func perEvent(s sample) float64 { return s.Bytes }

func benchAppend(t *testing.T, results *table) {
	results.part("append of 600-byte events, against sealed records in a pre-written ring")
	dir, device := deviceFolder(t)
	written := map[string][]float64{}
	for _, producers := range []int{1, 8, 64} {
		a := appendArguments{Dir: dir, Device: device, Producers: producers, Turns: 15, Turn: 200 * time.Millisecond}
		f := act[appendFound](t, "append", a)
		who := crowd(producers)
		results.least(who+": events/s, of the reference", "", 0.30, ratios(each(f.Ours, speed), between(f.Reference, speed))...)
		results.least(who+": events/s, of bare bbolt", "", 0.90, ratios(each(f.Ours, speed), each(f.Bare, speed))...)
		if producers == 64 {
			results.most(who+": p99, times the reference", "", 4, ratios(each(f.Ours, p99), between(f.Reference, p99))...)
		}
		results.note(who+": events/s", "", each(f.Ours, speed)...)
		results.note(who+": events/s of the reference", "", each(f.Reference, speed)...)
		written[fmt.Sprint(producers)] = each(f.Ours, perEvent)
		a.View, a.Turns = true, 5
		v := act[appendFound](t, "append", a)
		written[fmt.Sprint(producers, " view")] = each(v.Ours, perEvent)
	}
	for _, row := range []struct {
		what, of string
		reach    float64
	}{
		{"bytes to the device per event, alone", "1", 36},
		{"bytes to the device per event, 64 producers", "64", 1.5},
		{"the same with a changed view, alone", "1 view", 45},
		{"the same with a changed view, 64 producers", "64 view", 4},
	} {
		kb := written[row.of]
		for i := range kb {
			kb[i] /= 1000
		}
		results.most(row.what, " KB", row.reach, kb...)
	}
	slowFlush(t, results, dir)
}

func crowd(producers int) string {
	if producers == 1 {
		return "alone"
	}
	return fmt.Sprintf("%d producers", producers)
}

// slowFlush is the same where each flush takes 3 ms longer, as on the flash of a
// kiosk: there the number of flushes decides, not the machine.
func slowFlush(t *testing.T, results *table, dir string) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatalf("slower flushes need strace: install it: %v", err)
	}
	for _, producers := range []int{1, 8, 64} {
		what := crowd(producers) + ", each flush 3 ms slower: events/s, of the reference"
		f := act[appendFound](t, "append", appendArguments{Dir: dir, Producers: producers, Turns: 7, Turn: 500 * time.Millisecond},
			strace, "-f", "--seccomp-bpf", "-qq", "-o", os.DevNull, "-e", "signal=none",
			"-e", "trace=fdatasync,fsync,msync", "-e", "inject=fdatasync,fsync,msync:delay_exit=3000")
		results.least(what, "", 0.45, ratios(each(f.Ours, speed), between(f.Reference, speed))...)
	}
}
