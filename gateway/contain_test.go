package gateway

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

// A part that panics ends the run with its name; what it panicked with may be a
// patient's text and is not logged.
func TestPanicIsContained(t *testing.T) {
	var log bytes.Buffer
	g := &Gateway{log: slog.New(slog.NewTextHandler(&log, nil))}
	err := g.contained(t.Context(), part{"page", func(context.Context) error { panic("Ada Fictional") }})
	if !errors.Is(err, errPanicked) {
		t.Errorf("error %v", err)
	}
	if text := log.String(); strings.Contains(text, "Fictional") || !strings.Contains(text, "part=page") || !strings.Contains(text, "contain_test.go") {
		t.Errorf("log: %s", text)
	}
}
