package mqtt

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/devices"
)

// TestWhatIsSaidEarlyFindsItsDevice: a button that reconnects and is pressed the
// moment the broker listens calls for help, though its device does not run yet.
func TestWhatIsSaidEarlyFindsItsDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewStation("main", "lobby-1", nil, Deps{Health: func(context.Context, Health) error { return nil }, Log: slog.New(slog.DiscardHandler)})
		s.Expect(1)
		d, err := New(Config{ID: "door", Class: devices.Button, Port: "mqtt:door-1"}, s, devices.Deps{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		press := Message{Topic: "clinic/main/lobby-1/button/door-1/event", Payload: []byte(`{"v":1,"seq":1,"event":"press"}`), QoS: 1}
		taken := make(chan error, 2)
		go func() { taken <- s.Take(t.Context(), press) }()
		bounded, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := s.Take(bounded, press); err == nil {
			t.Error("a press was acknowledged while nobody was there for it")
		}
		ctx, stop := context.WithCancel(t.Context())
		pressed := 0
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_ = d.Run(ctx, func(context.Context, devices.Reading) error { pressed++; return nil })
		}()
		if err := <-taken; err != nil || pressed != 1 {
			t.Errorf("Take = %v, pressed %d times", err, pressed)
		}
		stop()
		<-ended
	})
}
