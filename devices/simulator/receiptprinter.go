package simulator

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"
)

// Trouble is what ails a ReceiptPrinter. The zero value is a printer that is well.
type Trouble struct {
	PaperLow  bool
	PaperOut  bool // it prints nothing and keeps what it was sent, as real ones do
	CoverOpen bool // likewise
	Jam       bool // likewise
	Mute      bool // it answers no question
	Nameless  bool // it tells no version of its firmware
	Garbage   bool // it sends bytes without end instead of answers
	Deaf      bool // it takes no byte: a connection that is there and goes nowhere
	// Slow is a pause after each 256 bytes.
	Slow time.Duration
	// DropAfter ends the connection after that many bytes more; 0: never. It
	// happens once.
	DropAfter int
}

func (t Trouble) halted() bool { return t.PaperOut || t.CoverOpen || t.Jam }

// ReceiptPrinter is a pretended ESC/POS printer on the network. It turns what it
// is sent into the pieces of paper that a real one would cut. Its methods may be
// called from several goroutines.
type ReceiptPrinter struct {
	listener net.Listener

	mu      sync.Mutex // guards what follows
	trouble Trouble
	mech    paperMachine
	waiting []byte // came while the printer could not print
	papers  []Paper
	open    map[net.Conn]struct{}
}

// PrinterFirmware is what the printer tells of itself.
const PrinterFirmware = "3.01 ESC/POS"

const (
	keptPapers   = 100
	printerInput = 64 << 10 // what a printer that cannot print takes before it stops the line
	printerLines = 2        // connections at a time, as cheap printers have it
)

// NewReceiptPrinter listens on a loopback address such as "127.0.0.1:0". Call
// Run.
func NewReceiptPrinter(address string) (*ReceiptPrinter, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	return &ReceiptPrinter{listener: l, open: map[net.Conn]struct{}{}}, nil
}

// Address is what a gateway names as the device's address.
func (p *ReceiptPrinter) Address() string { return "tcp:" + p.listener.Addr().String() }

// Run serves until ctx ends.
func (p *ReceiptPrinter) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := context.AfterFunc(ctx, func() {
		_ = p.listener.Close()
		p.Unplug()
	})
	defer stop()
	for {
		c, err := p.listener.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		p.mu.Lock()
		full := len(p.open) >= printerLines
		if !full {
			p.open[c] = struct{}{}
		}
		p.mu.Unlock()
		if full {
			_ = c.Close()
			continue
		}
		wg.Go(func() { p.serve(ctx, c) })
	}
}

// Unplug ends every connection, in the middle of whatever it carries.
func (p *ReceiptPrinter) Unplug() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.open {
		_ = c.Close()
	}
}

// Set gives the printer a trouble, or takes it away. One that can print again
// goes on with what it was sent.
func (p *ReceiptPrinter) Set(t Trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.trouble = t
	if !t.halted() {
		waiting := p.waiting
		p.waiting = nil
		_ = p.take(waiting)
	}
}

// Papers are the pieces that were cut, oldest first.
func (p *ReceiptPrinter) Papers() []Paper {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.papers)
}

func (p *ReceiptPrinter) serve(ctx context.Context, c net.Conn) {
	defer func() {
		_ = c.Close()
		p.mu.Lock()
		delete(p.open, c)
		p.mu.Unlock()
	}()
	var last [2]byte // to find DLE EOT wherever it stands
	buf := make([]byte, 256)
	for ctx.Err() == nil {
		t := p.now()
		if t.Deaf || len(p.held()) > printerInput {
			pause(ctx, 20*time.Millisecond)
			continue
		}
		if t.Garbage {
			if _, err := c.Write(bytesOf(0xff, 512)); err != nil {
				return
			}
		}
		_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		n, err := c.Read(buf)
		if n == 0 {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				continue
			}
			return
		}
		chunk, drop := buf[:n], false
		if t.DropAfter > 0 {
			if drop = n >= t.DropAfter; drop {
				chunk = buf[:t.DropAfter]
			}
			p.mu.Lock()
			p.trouble.DropAfter = max(0, t.DropAfter-n)
			p.mu.Unlock()
		}
		answers := p.feed(chunk, &last)
		if drop {
			return
		}
		if len(answers) > 0 && !t.Mute && !t.Garbage {
			if _, err := c.Write(answers); err != nil {
				return
			}
		}
		if t.Slow > 0 {
			pause(ctx, t.Slow)
		}
	}
}

func (p *ReceiptPrinter) now() Trouble {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.trouble
}

func (p *ReceiptPrinter) held() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.waiting
}

// feed takes bytes: questions are answered out of turn, the rest is printed, or
// kept by a printer that cannot.
func (p *ReceiptPrinter) feed(chunk []byte, last *[2]byte) (answers []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range chunk {
		if last[0] == 0x10 && last[1] == 0x04 {
			answers = append(answers, p.trouble.answer(b)...)
		}
		last[0], last[1] = last[1], b
	}
	if p.trouble.halted() {
		p.waiting = append(p.waiting, chunk...)
		return answers
	}
	return append(answers, p.take(chunk)...)
}

// take prints. p.mu is held.
func (p *ReceiptPrinter) take(chunk []byte) (answers []byte) {
	for _, b := range chunk {
		question, cut := p.mech.feed(b)
		switch {
		case question == 'r':
			answers = append(answers, p.trouble.sensor())
		case question == 'I' && !p.trouble.Nameless:
			answers = append(answers, "_"+PrinterFirmware+"\x00"...)
		}
		if cut != nil {
			p.papers = append(p.papers, *cut)
			p.papers = p.papers[max(0, len(p.papers)-keptPapers):]
		}
	}
	return answers
}

// answer is the byte that a printer sends to DLE EOT n.
func (t Trouble) answer(n byte) []byte {
	b := byte(0x12)
	set := func(on bool, bits byte) {
		if on {
			b |= bits
		}
	}
	switch n {
	case 1:
		set(t.halted(), 0x08)
	case 2:
		set(t.CoverOpen, 0x04)
		set(t.PaperOut, 0x20)
		set(t.Jam, 0x40)
	case 3:
		set(t.Jam, 0x08)
	case 4:
		set(t.PaperLow || t.PaperOut, 0x0c)
		set(t.PaperOut, 0x60)
	default:
		return nil
	}
	return []byte{b}
}

// sensor is the answer to GS r 1.
func (t Trouble) sensor() (b byte) {
	if t.PaperLow || t.PaperOut {
		b |= 0x03
	}
	if t.PaperOut {
		b |= 0x0c
	}
	return b
}

func bytesOf(b byte, n int) []byte {
	out := make([]byte, n)
	for i := range out {
		out[i] = b
	}
	return out
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
