package keyring

import "time"

const (
	heldFirst = 10 * time.Millisecond
	heldMost  = 250 * time.Millisecond
	heldBound = 4 * time.Second
)

// whileHeld does a change of the directory, and does it again for a few seconds while
// another program holds the file: on Windows a virus scanner or a backup that has a
// file open keeps others from renaming and removing it, for moments.
func whileHeld(change func() error, held func(error) bool, pause func(time.Duration)) error {
	wait, left := heldFirst, heldBound
	for {
		err := change()
		if err == nil || !held(err) || left <= 0 {
			return err
		}
		pause(wait)
		left -= wait
		wait = min(2*wait, heldMost)
	}
}
