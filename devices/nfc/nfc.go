package nfc

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"clinicgate/devices"
	"clinicgate/kiosk/phi"
)

// The kinds of an NFC reader's readings.
const (
	CardUID  = "card-uid"  // a card's number in hex, see the package's promise; a look-up, never a proof
	NDEFText = "ndef-text" // one of our codes, from a text on the tag
)

// The reasons of what is not Good.
const (
	ReasonRandom   = "the card makes its number anew each time"
	ReasonSeveral  = "more than one card"
	ReasonNoNumber = "the card tells no number"
	ReasonMute     = "the card does not answer"
)

// lookEvery is the pause between two looks at the field: with goneAfter, how soon
// the same card may be tapped again.
const lookEvery = 100 * time.Millisecond

// reader is an open reader. One goroutine uses it.
type reader interface {
	// look gives what is in the field; the zero presence is nothing. While the same
	// card stays it gives the same. An error is a *devices.Fault: the reader is lost.
	look() (presence, error)
	// read gives 16 bytes from a page on of the Type 2 tag that look saw. An error
	// that is no *devices.Fault is the card's.
	read(page byte) ([]byte, error)
	// version is what the reader tells of itself; may be empty.
	version() string
	close()
}

// presence is what a look saw: a number, or why there is none.
type presence struct {
	uid     []byte
	trouble string
}

// what tells two presences apart.
func (p presence) what() string {
	if p.trouble != "" {
		return p.trouble
	}
	return uidText(p.uid)
}

// NFC is a reader of contactless cards. Make one with New.
type NFC struct {
	cfg     Config
	hashKey []byte
	link    *devices.Link
}

var _ devices.Device = (*NFC)(nil)

// New makes a reader. It opens nothing; the error is that of Config.Validate.
func New(cfg Config, deps devices.Deps) (*NFC, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	info := devices.Info{ID: cfg.ID, Class: devices.NFC, Binding: cfg.Port}
	return &NFC{cfg: cfg, hashKey: deps.HashKey, link: devices.NewLink(info, deps)}, nil
}

// Info implements devices.Device.
func (n *NFC) Info() devices.Info { return n.link.Info() }

// Status implements devices.Device.
func (n *NFC) Status() devices.Status { return n.link.Status() }

// Probe implements devices.Device. Only while Run is not running does it open the
// reader, and closes it again.
func (n *NFC) Probe(context.Context) devices.Probe {
	if n.cfg.Disabled {
		return devices.Probe{Outcome: devices.Skipped, Reason: "disabled in the configuration"}
	}
	switch st := n.link.Status(); st.State {
	case devices.Attached:
		return devices.ProbeOf(st.Where, nil)
	case devices.Lost:
		return devices.Probe{Outcome: devices.Failed, Reason: st.Reason, Hint: st.Hint}
	}
	r, where, err := n.cfg.open()
	if err == nil {
		r.close()
	}
	return devices.ProbeOf(where, err)
}

// Run implements devices.Device.
func (n *NFC) Run(ctx context.Context, sink devices.Sink) error {
	if n.cfg.Disabled {
		return n.link.Disabled(ctx, "disabled in the configuration")
	}
	return n.link.Run(ctx, func(ctx context.Context, up func(string)) error {
		r, where, err := n.cfg.open()
		if err != nil {
			return err
		}
		defer r.close()
		n.link.Firmware(r.version())
		up(where)
		return n.watch(ctx, r, sink)
	})
}

// watch looks at the field until the reader is lost or ctx ends.
func (n *NFC) watch(ctx context.Context, r reader, sink devices.Sink) error {
	var t tap
	pause := time.NewTicker(lookEvery)
	defer pause.Stop()
	for {
		p, err := r.look()
		if err != nil {
			return err
		}
		if t.see(p.what()) {
			reading, ok, err := n.take(r, p)
			switch {
			case err != nil:
				return err
			case ok:
				_ = n.link.Deliver(ctx, sink, reading) // counted; the sink knows its own error
			default:
				t.again()
				n.link.Count(func(c *devices.Counters) { c.CutOff++ })
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
	}
}

// take makes a reading of a tap. It is not ok when the card went away before it
// was read. The error is a *devices.Fault.
func (n *NFC) take(r reader, p presence) (devices.Reading, bool, error) {
	reading := devices.Reading{Kind: CardUID, Length: len(p.uid)}
	if p.trouble != "" {
		reading.Verdict, reading.Reason, reading.At = devices.Damaged, p.trouble, time.Now()
		return reading, true, nil
	}
	code, err := n.code(r)
	if err != nil {
		if f, ok := errors.AsType[*devices.Fault](err); ok {
			return reading, false, f
		}
		// A card without such a memory does not answer, and neither does one that was
		// taken away; only the next look tells.
		now, err := r.look()
		if err != nil || !bytes.Equal(now.uid, p.uid) {
			return reading, false, err
		}
	}
	value := uidText(p.uid)
	reading.At = time.Now()
	switch {
	case code != "":
		reading.Kind, reading.Length, value = NDEFText, len(code), code
	case isRandom(p.uid):
		reading.Verdict, reading.Reason = devices.Refused, ReasonRandom
		return reading, true, nil
	}
	reading.Verdict, reading.Value = devices.Good, phi.New(value)
	reading.Hash = devices.Fingerprint(n.hashKey, devices.NFC, []byte(value))
	return reading, true, nil
}

// code gives the first text on the tag that is a code of ours, or nothing. A
// damaged message is none.
func (n *NFC) code(r reader) (string, error) {
	msg, err := readTag(r.read)
	if errors.Is(err, errNoNDEF) || errors.Is(err, errTLV) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	list, err := parseNDEF(msg)
	if err != nil {
		return "", nil
	}
	for _, rec := range list {
		if rec.kind == textRecord && n.isCode(rec.text) {
			return rec.text, nil
		}
	}
	return "", nil
}

// maxCode is what a code may have in bytes, as on paper.
const maxCode = 512

func (n *NFC) isCode(text string) bool {
	if len(text) > maxCode || !printable(text) || strings.Contains(text, " ") {
		return false
	}
	for _, prefix := range n.cfg.Codes {
		if rest, ok := strings.CutPrefix(text, prefix); ok && rest != "" {
			return true
		}
	}
	return false
}
