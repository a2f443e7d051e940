package gateway_test

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"clinicgate/gateway"
)

// A gateway that works beats, and its probes leave the store no larger; one that is
// told to stop beats no more.
func TestPulse(t *testing.T) {
	c := newClinic(t)
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var beats atomic.Int64
	enough := make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- gateway.Run(ctx, c.cfg, gateway.Options{
			Logger: slog.New(slog.NewTextHandler(&c.log, nil)), Version: "test",
			Pulse: gateway.Pulse{Every: time.Second, Beat: func() {
				if beats.Add(1) == 3 {
					close(enough)
				}
			}},
		})
	}()
	select {
	case <-enough:
	case err := <-done:
		t.Fatalf("gateway ended: %v\n%s", err, c.log.String())
	case <-time.After(60 * time.Second):
		t.Fatalf("%d beats in a minute\n%s", beats.Load(), c.log.String())
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	last := beats.Load()
	time.Sleep(1500 * time.Millisecond) // longer than from beat to beat
	if beats.Load() != last {
		t.Error("it beats after its end")
	}
}
