package door

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	writeWithin = 3 * time.Second
	// Beat is how often a stream says that it lives. A page misses two before it says
	// so.
	Beat = time.Second
)

// EventWriter writes server-sent events, each with a deadline, so that a page
// that stopped reading cannot hold its handler.
type EventWriter struct {
	w http.ResponseWriter
	c *http.ResponseController
}

// NewEventWriter begins the stream.
func NewEventWriter(w http.ResponseWriter) (*EventWriter, error) {
	e := &EventWriter{w: w, c: http.NewResponseController(w)}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	// The request is read to its end; the server's read deadline would cut a
	// stream that lives for days.
	if err := e.c.SetReadDeadline(time.Time{}); err != nil && !isUnsupported(err) {
		return nil, fmt.Errorf("cannot lift the read deadline: %w", err)
	}
	w.WriteHeader(http.StatusOK)
	return e, nil
}

// Send writes one event.
func (e *EventWriter) Send(name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("cannot encode event: %w", err)
	}
	if err := e.c.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil && !isUnsupported(err) {
		return fmt.Errorf("cannot set write deadline: %w", err)
	}
	if _, err := fmt.Fprintf(e.w, "event: %s\ndata: %s\n\n", name, b); err != nil {
		return err
	}
	return e.c.Flush()
}

// Live is a stream that shows what changes, with a beat in between.
type Live struct {
	Show    func(*EventWriter) error // sends what is new; nil: beats only
	Wake    <-chan struct{}          // there is something new
	Refresh int                      // beats after which there is something new by time alone; 0: never
	Ended   <-chan struct{}          // whoever reads may not any more, and is told so by "locked"
}

// Serve shows at once, and goes on until the request or the stream ends, or the page
// stops reading.
func (l Live) Serve(w http.ResponseWriter, r *http.Request) {
	out, err := NewEventWriter(w)
	if err != nil {
		return
	}
	show := func() error {
		if l.Show == nil {
			return nil
		}
		return l.Show(out)
	}
	beat := time.NewTicker(Beat)
	defer beat.Stop()
	err = show()
	for beats := 1; err == nil; {
		select {
		case <-r.Context().Done():
			return
		case <-l.Ended:
			_ = out.Send("locked", struct{}{})
			return
		case <-l.Wake:
			err = show()
		case <-beat.C:
			if beats++; l.Refresh > 0 && beats%l.Refresh == 0 {
				err = show()
			}
			if err == nil {
				err = out.Send("beat", struct{}{})
			}
		}
	}
}

func isUnsupported(err error) bool { return errors.Is(err, http.ErrNotSupported) }
