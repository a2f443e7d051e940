package printer

import (
	"context"
	"errors"
	"time"

	"clinicgate/devices"
)

const (
	answerWithin = 500 * time.Millisecond
	// noiseLimit is how many bytes that nobody asked for a connection may bring.
	noiseLimit = 4096
	// confirmWithin is how long a printer that answers may take for a ticket that
	// it has whole. A ticket takes two seconds.
	confirmWithin = 12 * time.Second
	lookWithin    = time.Second // between looks at the printer while it prints
)

// talk is the conversation over one connection.
type talk struct {
	wire
	noise int      // bytes that nobody asked for
	late  *version // was asked for and did not come in time; nil: nothing is owed
}

var errNoise = &devices.Fault{Reason: "sends what no printer sends", Hint: "check the device's address: another machine may have it"}

// lost explains the end of a connection.
func lost(err error) error {
	if f, ok := errors.AsType[*devices.Fault](err); ok {
		return f
	}
	return &devices.Fault{Reason: "connection to the printer broke", Err: err, Hint: "check that it is switched on and its cable"}
}

// hear reads until take accepts a byte, the time is over (false) or the
// connection has brought too much that was not asked for.
func (t *talk) hear(within time.Duration, take func(byte) bool) (bool, error) {
	buf := make([]byte, 64)
	end := time.Now().Add(within)
	for {
		left := time.Until(end)
		if left <= 0 {
			return false, nil
		}
		n, err := t.Listen(buf, left)
		for i, b := range buf[:n] {
			if t.owed(b) {
				t.noise++
				continue
			}
			if take(b) {
				t.noise += n - i - 1
				return true, nil
			}
			t.noise++
		}
		if t.noise > noiseLimit {
			return false, errNoise
		}
		if err != nil {
			return false, lost(err)
		}
	}
}

// idle takes what came since the last question, so that an old answer is not
// taken for a new one, and notices a connection that was closed.
func (t *talk) idle() error {
	_, err := t.hear(time.Millisecond, func(byte) bool { return false })
	return err
}

// ask puts the four questions. A printer that leaves the first one open is asked it
// once more, for one answer may be lost or late; then it is not asked the others.
func (t *talk) ask() (s Status, err error) {
	if err := t.idle(); err != nil {
		return s, err
	}
	heard, err := t.put(askPrinter, &s)
	if err == nil && !heard {
		if heard, err = t.put(askPrinter, &s); err == nil && heard {
			// Where the first was late the second is still to come: it is not the
			// answer to what is asked next.
			_, err = t.hear(answerWithin, func(byte) bool { return false })
		}
	}
	if err != nil || !heard {
		return s, err
	}
	for _, q := range []byte{askOffline, askError, askPaper} {
		if _, err := t.put(q, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

// put puts one question, and reports whether it was answered.
func (t *talk) put(q byte, s *Status) (heard bool, err error) {
	if _, err := t.Write([]byte{0x10, 0x04, q}); err != nil {
		return false, lost(err)
	}
	return t.hear(answerWithin, func(b byte) bool { return s.Take(q, b) })
}

// confirm waits until the printer says that the ticket is done. Meanwhile it is
// asked how it is; a fault ends the wait. A printer that answers, and has no
// fault when the time is over, does not know the question: it has taken the
// ticket over.
func (t *talk) confirm(ctx context.Context, within time.Duration) (s Status, confirmed bool, err error) {
	end := time.Now().Add(within)
	for time.Now().Before(end) && ctx.Err() == nil {
		confirmed, err = t.hear(min(lookWithin, time.Until(end)), done)
		if err != nil || confirmed {
			return s, confirmed, err
		}
		said := false
		if s, said, err = t.look(); err != nil || said {
			return s, said, err
		}
		if f := s.Fault(); f != nil {
			return s, false, f
		}
	}
	if err := ctx.Err(); err != nil {
		return s, false, err
	}
	if s.Answers {
		return s, false, nil
	}
	return s, false, &devices.Fault{Reason: "printer stopped answering", Hint: "switch it off and on"}
}

// look puts the questions while the answer to GS r may come in between.
func (t *talk) look() (s Status, confirmed bool, err error) {
	for _, q := range []byte{askPrinter, askOffline, askError, askPaper} {
		if _, err := t.Write([]byte{0x10, 0x04, q}); err != nil {
			return s, false, lost(err)
		}
		_, err := t.hear(answerWithin, func(b byte) bool {
			confirmed = confirmed || done(b)
			return s.Take(q, b)
		})
		if err != nil || confirmed {
			return s, confirmed, err
		}
	}
	return s, false, nil
}
