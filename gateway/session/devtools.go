package session

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

const (
	maxMessage = 1 << 20 // bytes of one message of the browser
	maxPending = 16      // questions without an answer
	maxTargets = 16      // a window opens one; more is somebody's doing
)

// devtools speaks to a browser over its DevTools pipe: JSON objects, each ended by a
// zero byte (https://chromedevtools.github.io/devtools-protocol/, and Chromium's
// content/browser/devtools/devtools_pipe_handler.cc). It uses commands of the browser
// as a whole only, which work with the developer tools turned off by policy: it can
// open and close windows and hears of crashes, and cannot look into a page.
type devtools struct {
	to     io.Writer
	events func(event)

	mu      sync.Mutex // guards what follows, and writing
	last    int
	pending map[int]chan answer
	broken  error
}

// event is news of a target, which is what the protocol calls a window, among others.
type event struct {
	Method string // "Target.targetCreated", "Target.targetDestroyed", "Target.targetCrashed"
	Target target
}

type target struct {
	ID   string `json:"targetId"`
	Type string `json:"type"`
}

type answer struct {
	result json.RawMessage
	err    error
}

type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
	Params struct {
		TargetID string `json:"targetId"`
		Info     target `json:"targetInfo"`
	} `json:"params"`
}

// errPipe ends every question when the browser is gone.
var errPipe = errors.New("the browser's pipe is closed")

// newDevtools answers on a pipe until from ends; events is called for each event, in
// order, and must not wait for an answer.
func newDevtools(to io.Writer, from io.Reader, events func(event)) *devtools {
	d := &devtools{to: to, events: events, pending: map[int]chan answer{}}
	go d.read(from)
	return d
}

func (d *devtools) read(from io.Reader) {
	err := messages(from, d.take)
	if err == nil || errors.Is(err, io.EOF) {
		err = errPipe
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.broken = err
	for id, c := range d.pending {
		c <- answer{err: err}
		delete(d.pending, id)
	}
}

// messages cuts a stream into messages. What is cut off at its end is none.
func messages(from io.Reader, take func([]byte) error) error {
	in := bufio.NewReaderSize(from, 64<<10)
	var whole []byte
	for {
		part, err := in.ReadSlice(0)
		if len(whole)+len(part) > maxMessage {
			return fmt.Errorf("the browser sent a message of more than %d bytes", maxMessage)
		}
		whole = append(whole, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return err
		}
		if err := take(whole[:len(whole)-1]); err != nil {
			return err
		}
		whole = whole[:0]
	}
}

func (d *devtools) take(text []byte) error {
	var m message
	if err := json.Unmarshal(text, &m); err != nil {
		return fmt.Errorf("the browser sent what is no message: %w", err)
	}
	if m.ID == 0 {
		e := event{Method: m.Method, Target: m.Params.Info}
		if e.Target.ID == "" {
			e.Target.ID = m.Params.TargetID
		}
		d.events(e)
		return nil
	}
	d.mu.Lock()
	c := d.pending[m.ID]
	delete(d.pending, m.ID)
	d.mu.Unlock()
	if c == nil {
		return nil // nobody waits for it any more
	}
	if m.Error != nil {
		c <- answer{err: fmt.Errorf("the browser refuses: %.200s", m.Error.Message)}
	} else {
		c <- answer{result: m.Result}
	}
	return nil
}

// ask sends a command and waits for its answer, as long as ctx lasts.
func (d *devtools) ask(ctx context.Context, method string, params, out any) error {
	c := make(chan answer, 1)
	id, err := d.send(method, params, c)
	if err != nil {
		return err
	}
	select {
	case a := <-c:
		if a.err == nil && out != nil {
			return json.Unmarshal(a.result, out)
		}
		return a.err
	case <-ctx.Done():
		d.mu.Lock()
		delete(d.pending, id)
		d.mu.Unlock()
		return fmt.Errorf("the browser does not answer: %w", context.Cause(ctx))
	}
}

func (d *devtools) send(method string, params any, c chan answer) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return 0, d.broken
	}
	if len(d.pending) >= maxPending {
		return 0, errors.New("the browser leaves too many questions unanswered")
	}
	d.last++
	text, err := json.Marshal(map[string]any{"id": d.last, "method": method, "params": params})
	if err != nil {
		return 0, err
	}
	if _, err := d.to.Write(append(text, 0)); err != nil {
		return 0, errPipe // the system's own words may hold what was written
	}
	d.pending[d.last] = c
	return d.last, nil
}
