package gateway

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"clinicgate/devices"
	"clinicgate/gateway/bridge"
)

const (
	healthRound   = 5 * time.Second // between looks at the devices
	healthPublish = 3 * time.Second // for one message
)

// runHealth keeps how every device is on retained topics (bridge.HealthTopic), for
// who looks after the site's devices: state, battery, since when. A message that
// could not be sent is sent at the next look; a broker that is there again gets
// all of them.
func (g *Gateway) runHealth(ctx context.Context) error {
	told := map[devices.ID]string{}
	tick := time.NewTicker(healthRound)
	defer tick.Stop()
	for {
		for _, s := range g.devices.Status() {
			text, err := json.Marshal(map[string]any{"v": 1, "class": s.Class, "state": s.State, "battery": s.Battery, "since": g.trusted(s.Since).UTC().Format(time.RFC3339)})
			if key := string(s.State) + charge(s.Battery); err == nil && told[s.ID] != key {
				bounded, cancel := context.WithTimeout(ctx, healthPublish)
				err := g.toDevices(bounded, "", bridge.HealthTopic(g.cfg.Kiosk.Site, string(g.self), string(s.ID)), text, true)
				if err == nil || g.remote != nil && g.remote.Status().State != bridge.ClientConnected {
					told[s.ID] = key // a broker that is away now rings when it is back
				}
				cancel()
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-g.brokerBack:
			clear(told)
		case <-tick.C:
		}
	}
}

// charge is the battery as far as a change of it is told.
func charge(percent *int) string {
	if percent == nil {
		return ""
	}
	return " " + strconv.Itoa(*percent/10)
}

// rang leaves a ring for runHealth.
func (g *Gateway) rang() {
	select {
	case g.brokerBack <- struct{}{}:
	default:
	}
}
