package gateway

import (
	"context"
	"io"

	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/gateway/downlink"
	"clinicgate/gateway/exchange"
	"clinicgate/kiosk"
)

// openSite makes the exchange with the other kiosks of the site.
func (g *Gateway) openSite(context.Context) (io.Closer, error) {
	if !g.cfg.MQTT.Exchange {
		return nil, nil
	}
	var bus exchange.Bus = g.broker
	if g.remote != nil {
		bus = g.remote
	}
	inlet := downlink.NewInlet(downlink.InletConfig{Self: string(g.self), Now: g.trustedTime, Apply: g.apply}, g.queue, g.keys)
	channels := []string{kiosk.ConsentChannel(g.journal.Organization)}
	for _, d := range g.departments {
		channels = append(channels, kiosk.QueueChannel(d), kiosk.EmergencyChannel(d), kiosk.RosterChannel(d))
	}
	var err error
	g.exchange, err = exchange.New(exchange.Config{
		Site: g.cfg.Kiosk.Site, Self: string(g.self), Channels: channels, Kiosks: g.keys.others, Signer: g.keys.signer, Now: g.clock.Now,
		Refused: g.refusedBySite,
	}, bus, g.store, inlet, g.keys, g.log.With("component", "exchange"))
	return nil, err
}

// runSite exchanges with the site's other kiosks, where that is on.
func (g *Gateway) runSite(ctx context.Context) error {
	if g.exchange == nil {
		<-ctx.Done()
		return nil
	}
	return g.exchange.Run(ctx)
}

// refusedBySite records what somebody said on the site's broker that they may not
// say. A word of theirs that is no channel's name goes into no record.
func (g *Gateway) refusedBySite(leaf string, why downlink.Refusal) {
	_, isChannel := kiosk.ParseChannel(leaf)
	switch {
	case why == downlink.RefusedAhead, why == exchange.RefusedRate:
		g.log.Warn("message of the site was not taken", "reason", string(why))
	case isChannel:
		g.refused(leaf, why)
	default:
		g.log.Error("message of the site was refused", "reason", string(why))
	}
}

// siteStatus tells how the exchange is doing; nil where there is none.
func (g *Gateway) siteStatus() *control.Exchange {
	if g.exchange == nil {
		return nil
	}
	st := g.exchange.Status()
	out := &control.Exchange{Broker: "embedded", Connected: st.Connected, Said: st.Said, Repeated: st.Repeated, Taken: st.Taken,
		Duplicates: st.Duplicates, Overrun: st.Overrun, LastHeard: g.trusted(st.LastHeard), Refused: control.Refusals{}, Kiosks: []control.SiteKiosk{}}
	if g.remote != nil {
		r := g.remote.Status()
		out.Broker, out.Reason, out.Hint = g.cfg.MQTT.Broker, r.Reason, r.Hint
	}
	for why, n := range st.Refused {
		out.Refused[string(why)] = n
	}
	for _, p := range st.Peers {
		out.Kiosks = append(out.Kiosks, control.SiteKiosk{ID: p.Kiosk, Heard: g.trusted(p.Heard)})
	}
	return out
}

// siteHealth is what doctor looks at.
func (g *Gateway) siteHealth() doctor.Site {
	st := g.siteStatus()
	if st == nil {
		return doctor.Site{}
	}
	s := doctor.Site{On: true, Connected: st.Connected, Reason: st.Reason, Others: len(st.Kiosks)}
	now := g.clock.Now().Wall
	for _, k := range st.Kiosks {
		if now.Sub(k.Heard) < control.SiteQuiet {
			s.Heard++
		}
	}
	return s
}
