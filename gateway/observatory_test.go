package gateway

import (
	"context"
	"errors"
	"testing"
	"time"

	"clinicgate/devices/mqtt"
)

// While everything ends, a press for help is not acknowledged, so that it comes again,
// and its device keeps its connection, by which it may be told something yet.
func TestWhatIsSaidAtTheEndIsNotAcknowledged(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end()
	g := &Gateway{running: ended, watched: newObservatory(), station: mqtt.NewStation("main", "lobby-1", nil, mqtt.Deps{})}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := g.deviceMessage(ctx, mqtt.Message{Topic: "clinic/main/lobby-1/button/wc/event", Payload: []byte(`{"v":1,"event":"press"}`), QoS: 1, Client: "wc"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it came to %v, want the end of the broker", err)
	}
}
