package desk

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"

	"clinicgate/kiosk"
	"clinicgate/storage"
)

// Why a PIN is refused, and what to do.
var (
	ErrPINForm = errors.New("a PIN is 6 to 12 digits")
	ErrPINEasy = errors.New("this PIN is among the first that anybody would try")
	ErrNoStaff = errors.New("there is no such person among the staff")
)

const (
	minPIN = 6
	maxPIN = 12
)

// CheckPIN reports whether a text may be somebody's PIN. The error does not
// repeat it.
func CheckPIN(pin string) error {
	if len(pin) < minPIN || len(pin) > maxPIN || strings.Trim(pin, "0123456789") != "" {
		return ErrPINForm
	}
	if easyPIN(pin) {
		return ErrPINEasy
	}
	return nil
}

// easyPIN finds what people choose first: one or two digits only, a run up or
// down, pairs in a row, a part that repeats, its own mirror, or a day of this
// or the last century.
func easyPIN(pin string) bool {
	distinct := map[byte]bool{}
	up, down, pairs, mirror := true, true, true, true
	for i := range len(pin) {
		distinct[pin[i]] = true
		mirror = mirror && pin[i] == pin[len(pin)-1-i]
		if i%2 == 1 {
			pairs = pairs && pin[i] == pin[i-1]
		}
		if i > 0 {
			step := (int(pin[i]) - int(pin[i-1]) + 10) % 10
			up, down = up && step == 1, down && step == 9
		}
	}
	for part := 1; part <= len(pin)/2; part++ {
		if len(pin)%part == 0 && strings.Repeat(pin[:part], len(pin)/part) == pin {
			return true
		}
	}
	if len(distinct) <= 2 || up || down || pairs || mirror {
		return true
	}
	for _, layout := range []string{"020106", "010206", "060102", "02012006", "01022006", "20060102"} {
		if at, err := time.Parse(layout, pin); err == nil && at.Year() >= 1900 && at.Year() < 2100 {
			return true
		}
	}
	return false
}

// pinRow is a PIN as it is kept. The cost is kept beside it, so that it can
// grow without making anybody choose anew.
type pinRow struct {
	Salt    []byte    `json:"salt"`
	Hash    []byte    `json:"hash"`
	Passes  uint32    `json:"passes"`
	Memory  uint32    `json:"memory"` // KiB
	Threads uint8     `json:"threads"`
	Set     time.Time `json:"set"`
}

// The cost of one guess: RFC 9106's way at the size that OWASP gives for small
// machines. One is computed at a time.
const (
	pinPasses  = 2
	pinMemory  = 19 << 10
	pinThreads = 1
	pinBytes   = 32
	maxMemory  = 256 << 10
)

func newPIN(pin string, now time.Time) pinRow {
	row := pinRow{Salt: make([]byte, 16), Passes: pinPasses, Memory: pinMemory, Threads: pinThreads, Set: now.UTC()}
	_, _ = rand.Read(row.Salt) // never fails: crypto/rand ends the process instead
	row.Hash = row.of(pin)
	return row
}

func (p pinRow) of(pin string) []byte {
	return argon2.IDKey([]byte(pin), p.Salt, p.Passes, p.Memory, p.Threads, pinBytes)
}

// is compares in constant time.
func (p pinRow) is(pin string) bool {
	return subtle.ConstantTimeCompare(p.of(pin), p.Hash) == 1
}

// readPIN gives a person's PIN, or ok false for none.
func readPIN(r *storage.Reader, id kiosk.StaffID) (row pinRow, ok bool, err error) {
	data, err := r.Get(pinView, []byte(id))
	if err != nil || data == nil {
		return row, false, err
	}
	if json.Unmarshal(data, &row) != nil || row.Memory > maxMemory || row.Passes == 0 || row.Threads == 0 {
		return pinRow{}, false, errors.New("stored PIN is malformed")
	}
	return row, true, nil
}

// SetPIN gives a person a new PIN, takes the old one away, ends the person's
// sessions and forgets wrong tries. by is who asked for it.
func (s *Server) SetPIN(ctx context.Context, by kiosk.Actor, id kiosk.StaffID, pin string) error {
	person, ok := s.person(string(id))
	if !ok {
		return ErrNoStaff
	}
	if err := CheckPIN(pin); err != nil {
		return err
	}
	if err := s.takeTurn(ctx); err != nil {
		return err
	}
	row := newPIN(pin, s.now())
	s.endTurn()
	data, err := json.Marshal(row)
	if err != nil {
		return fmt.Errorf("cannot encode PIN: %w", err)
	}
	act := kiosk.NewAct(by)
	err = s.deps.Store.Update(ctx, func(tx *storage.Tx) error {
		if err := tx.Put(pinView, []byte(person.ID), data); err != nil {
			return err
		}
		return s.journal.Audit(tx, act, kiosk.StaffPINSet, kiosk.AuditFacts{Action: "set PIN", Resource: string(person.ID)})
	})
	if err != nil {
		return fmt.Errorf("cannot keep PIN: %w", err)
	}
	s.mu.Lock()
	s.guesses.forgive(folded(string(person.ID)))
	var ended []*session
	for _, x := range s.sessions {
		if x.staff.ID == person.ID {
			ended = append(ended, s.endSession(x))
		}
	}
	s.mu.Unlock()
	s.sayEnded(ctx, "new PIN", ended...)
	return nil
}

// takeTurn waits until no other PIN is computed: each takes much memory.
func (s *Server) takeTurn(ctx context.Context) error {
	select {
	case s.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) endTurn() { <-s.turn }
