package session

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

const news = `{"method":"Target.targetCreated","params":{"targetInfo":{"targetId":"A","type":"page"}}}` + "\x00" +
	`{"method":"Target.targetCrashed","params":{"targetId":"A","status":"killed"}}` + "\x00" + `{"id":9,"result":{}}` + "\x00"

// What comes cut at any byte is the same; what is cut off at the end is nothing.
func TestMessagesCut(t *testing.T) {
	for at := range len(news) + 1 {
		var got []string
		take := func(m []byte) error { got = append(got, string(m)); return nil }
		err := messages(io.MultiReader(strings.NewReader(news[:at]), iotest.OneByteReader(strings.NewReader(news[at:]))), take)
		if !errors.Is(err, io.EOF) || strings.Join(got, "\x00")+"\x00" != news {
			t.Fatalf("cut at %d: %q, %v", at, got, err)
		}
		got = nil
		if err := messages(strings.NewReader(news[:at]), take); !errors.Is(err, io.EOF) || len(got) != strings.Count(news[:at], "\x00") {
			t.Fatalf("cut off at %d: %q, %v", at, got, err)
		}
	}
	if err := messages(strings.NewReader(strings.Repeat("x", maxMessage+1)), func([]byte) error { return nil }); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a message without an end: %v", err)
	}
}

func TestDevtools(t *testing.T) {
	fromUs, toBrowser := io.Pipe()
	toUs, browser := io.Pipe()
	var heard []event
	d := newDevtools(toBrowser, toUs, func(e event) { heard = append(heard, e) })
	go func() {
		_ = messages(fromUs, func(text []byte) error {
			var q struct {
				ID     int
				Method string
			}
			if err := json.Unmarshal(text, &q); err != nil {
				return err
			}
			reply := map[string]any{"id": q.ID, "result": map[string]string{"targetId": "B"}}
			switch q.Method {
			case "refuse":
				reply = map[string]any{"id": q.ID, "error": map[string]any{"code": -32000, "message": "Not allowed"}}
			case "silence":
				return nil
			}
			out, err := json.Marshal(reply)
			if err != nil {
				return err
			}
			_, err = browser.Write([]byte(news + string(out) + "\x00"))
			return err
		})
	}()
	var out struct{ TargetID string }
	if err := d.ask(t.Context(), "Target.createTarget", nil, &out); err != nil || out.TargetID != "B" {
		t.Errorf("answer %+v, %v", out, err)
	}
	if len(heard) != 2 || heard[0] != (event{"Target.targetCreated", target{"A", "page"}}) || heard[1].Method != "Target.targetCrashed" || heard[1].Target.ID != "A" {
		t.Errorf("heard %+v", heard)
	}
	if err := d.ask(t.Context(), "refuse", nil, nil); err == nil || !strings.Contains(err.Error(), "Not allowed") {
		t.Errorf("a refusal: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := d.ask(short, "silence", nil, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silence: %v", err)
	}
	if err := browser.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.ask(t.Context(), "silence", nil, nil); !errors.Is(err, errPipe) {
		t.Errorf("after the end: %v", err)
	}
}

func FuzzMessages(f *testing.F) {
	f.Add([]byte(news))
	f.Add([]byte("{\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &devtools{events: func(event) {}, pending: map[int]chan answer{9: make(chan answer, 1)}}
		_ = messages(bytes.NewReader(data), d.take)
	})
}
