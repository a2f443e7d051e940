package token_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/gateway/token"
)

// sample is a token of the published layout: user kiosk-1, 15 minutes from
// 2026-11-22 00:38:05 UTC.
const sample = "qEF2AkF0GmsCHU1DdHRsD0NyZXOlRGNoYW6hcHF1ZXVlLmNhcmRpb2xvZ3kDQ2dycKBEdXVpZKBDdXNyoENzcGOgQ3BhdKVEY2hhbqFuXnF1ZXVlXC5bXi5dKyQBQ2dycKBEdXVpZKBDdXNyoENzcGOgRG1ldGGgRHV1aWRna2lvc2stMUNzaWdYICaw9W90bpzdZvCjdna9k3zjhO5fqKYtci75T_6LJL9X"

var issued = time.Unix(1795300685, 0)

func TestFileIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		now := issued.Add(time.Minute)
		f := token.New(path, "kiosk-1", func() time.Time { return now }, slog.New(slog.DiscardHandler))
		refreshed := 0
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- f.Run(ctx, func() { refreshed++ }) }()

		time.Sleep(5 * time.Second)
		if s := f.Status(); !s.Needed || s.Held || s.Problem == nil {
			t.Errorf("without a file: %+v", s)
		}
		write(sample[:40]) // half written
		time.Sleep(5 * time.Second)
		if s := f.Status(); s.Held || s.Problem == nil || f.Text() != "" {
			t.Errorf("with half a token: %+v", s)
		}
		write(sample + "\n")
		time.Sleep(5 * time.Second)
		if s := f.Status(); !s.Held || s.Problem != nil || s.Expired || !s.Expires.Equal(issued.Add(15*time.Minute)) || f.Text() != sample || refreshed != 1 {
			t.Errorf("with a token: %+v, refreshed %d times", s, refreshed)
		}
		write("something else, and longer than before")
		time.Sleep(5 * time.Second)
		if s := f.Status(); !s.Held || s.Problem == nil || f.Text() != sample {
			t.Errorf("a foreign file replaced a token that works: %+v", s)
		}
		now = issued.Add(16 * time.Minute)
		if !f.Status().Expired {
			t.Error("the expiry is not noticed")
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestTokenOfAnotherUserIsNotUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(sample), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		f := token.New(path, "kiosk-2", time.Now, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := f.Run(ctx, func() { t.Error("used") }); err != nil {
			t.Error(err)
		}
		if s := f.Status(); s.Held || s.Problem == nil {
			t.Errorf("%+v", s)
		}
	})
}
