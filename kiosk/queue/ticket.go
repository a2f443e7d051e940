package queue

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"clinicgate/kiosk"
	"clinicgate/storage"
)

// Ticket is the number on board and paper: the letter of the kiosk that gave it
// and a counter of the clinic day. It is public, identifies nobody, and cannot
// hold anything else.
type Ticket struct {
	Letter byte // 'A' to 'Z'
	Number uint32
}

const maxTicket = 99_999

// String gives the form "A-017".
func (t Ticket) String() string {
	if t == (Ticket{}) {
		return ""
	}
	return fmt.Sprintf("%c-%03d", t.Letter, t.Number)
}

// MarshalText gives the form "A-017".
func (t Ticket) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// ParseTicket reads the form that String gives.
func ParseTicket(s string) (Ticket, error) {
	letter, digits, ok := strings.Cut(s, "-")
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || len(letter) != 1 || letter[0] < 'A' || letter[0] > 'Z' || n == 0 || n > maxTicket {
		return Ticket{}, errTicket
	}
	t := Ticket{letter[0], uint32(n)}
	if t.String() != s {
		return Ticket{}, errTicket
	}
	return t, nil
}

var errTicket = errors.New("ticket is not of the form A-017")

// TicketPrefix begins the code of every ticket.
const TicketPrefix = "TKT1:"

// TicketCode is what the code on a printed ticket says: "TKT1:" and the base32
// form of a 128-bit HMAC of the entry's id under the clinic's ticket key. It
// says nothing to who does not hold the key.
func TicketCode(ticketKey []byte, id kiosk.EntryID) string {
	h := hmac.New(sha256.New, ticketKey)
	h.Write([]byte("clinicgate/ticket/1\n"))
	h.Write(id[:])
	return TicketPrefix + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:16])
}

const ticketView = "ticket" // key: clinic day; value: the last number given

// NextTicket gives the next number of a clinic day. It is called inside Update:
// the number is used up when the transaction commits and not before.
func (q *Queue) NextTicket(tx *storage.Tx, day kiosk.Day) (Ticket, error) {
	row, err := tx.Get(ticketView, []byte(day))
	if err != nil {
		return Ticket{}, fmt.Errorf("cannot read ticket counter: %w", err)
	}
	last := uint64(0)
	if len(row) == 8 {
		last = binary.BigEndian.Uint64(row)
	}
	// A store that was set aside as damaged may have lost the counter. The
	// entries that are left, here or learnt from others, still know it.
	last = max(last, q.highestTicket(day))
	if last >= maxTicket {
		return Ticket{}, fmt.Errorf("%w: all numbers of the day are used", ErrBusy)
	}
	if err := tx.Put(ticketView, []byte(day), binary.BigEndian.AppendUint64(nil, last+1)); err != nil {
		return Ticket{}, fmt.Errorf("cannot write ticket counter: %w", err)
	}
	return Ticket{q.cfg.Letter, uint32(last + 1)}, nil
}

// highestTicket is the highest number of this kiosk's letter in memory.
func (q *Queue) highestTicket(day kiosk.Day) uint64 {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.tickets[day]
}
