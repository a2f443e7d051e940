package gateway_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
)

// Without a config, keys or a store, and also where the port is taken, it beats until
// the wait is over and gives the port back.
func TestRunAway(t *testing.T) {
	for _, taken := range []bool{false, true} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		cfg := config.Default()
		cfg.Web.Listen = l.Addr().String()
		if !taken {
			l.Close()
		}
		ctx, cancel := context.WithCancel(t.Context())
		beats := 0
		gateway.RunAway(ctx, cfg, time.Hour, time.Millisecond, func() {
			if beats++; beats == 3 {
				cancel()
			}
		}, slog.New(slog.DiscardHandler))
		if beats < 3 {
			t.Errorf("%d beats, port taken %v", beats, taken)
		}
		l.Close()
		if again, err := net.Listen("tcp", cfg.Web.Listen); err != nil {
			t.Errorf("the port is not given back: %v", err)
		} else {
			again.Close()
		}
	}
}
