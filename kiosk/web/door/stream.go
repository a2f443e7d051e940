package door

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const writeWithin = 3 * time.Second

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

func isUnsupported(err error) bool { return errors.Is(err, http.ErrNotSupported) }
