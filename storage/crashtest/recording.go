package crashtest

import (
	"compress/flate"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
)

// Recording is what a driver did to an empty data directory, to be cut off where
// there is no strace.
type Recording struct {
	Spec
	Key   []byte // content of the key file; fictional, as all that it opens
	Calls []Call
}

// Save writes the recording to a file.
func (r *Recording) Save(path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := flate.NewWriter(f, flate.BestCompression)
	if err != nil {
		return err
	}
	if err := gob.NewEncoder(z).Encode(r); err != nil {
		return err
	}
	return z.Close()
}

// LoadRecording reads what Save wrote.
func LoadRecording(path string) (*Recording, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := new(Recording)
	if err := gob.NewDecoder(flate.NewReader(f)).Decode(r); err != nil {
		return nil, fmt.Errorf("cannot read recording %s: %w", path, err)
	}
	return r, nil
}

// Cut cuts the power at each sync of the recording, and draws so many
// combinations where there are too many to try all. It looks at every so manieth
// state. work is an empty directory. first ends it at the first finding.
func (r *Recording) Cut(ctx context.Context, work string, seed uint64, draws, each int, first bool) (Cuts, error) {
	play := replay{
		history: NewHistory(r.Scenario()), disk: newDisk(nil), work: work, key: r.Key,
		cut: cutter{rnd: newRand(seed), draws: draws}, each: each, first: first, before: func(int) error { return nil },
	}
	return play.run(ctx, r.Calls)
}
