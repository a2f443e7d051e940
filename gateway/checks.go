package gateway

import (
	"time"

	"clinicgate/gateway/doctor"
)

// makeChecks lists what doctor looks at while the service runs.
func (g *Gateway) makeChecks() (*doctor.Registry, error) {
	_, strength := g.ring.Source()
	now := func() time.Time { return g.clock.Now().Wall }
	backlog := func() doctor.Backlog {
		s := g.syncSummary()
		return doctor.Backlog{Online: s.Online, Queued: s.Queued, Oldest: s.Oldest}
	}
	return doctor.New(
		doctor.StoreOpen(g.store.Status),
		doctor.StoreSpace(func() doctor.Space {
			return doctor.Space{Used: g.store.Status().Used, Budget: g.cfg.Storage.Budget.Bytes}
		}),
		doctor.LossEquation(g.store.Status),
		doctor.StoreLosses(g.store.Status),
		doctor.KeySource(strength, g.cfg.KeySource.File, g.cfg.Storage.Dir),
		doctor.RecoveryKey(func() bool { _, set := g.ring.Recovery(); return set }),
		doctor.ClockTrust(g.clock),
		doctor.ClockOffset(g.clock),
		doctor.SyncLink(backlog),
		doctor.SyncBacklog(backlog, now),
		doctor.Token(func() doctor.Access {
			t := g.token.Status()
			return doctor.Access{Needed: t.Needed, Held: t.Held, Expires: t.Expires, Expired: t.Expired, Problem: t.Problem}
		}, now),
		doctor.SiteExchange(g.siteHealth),
		doctor.UnsignedSenders(g.cfg.Sync.Unsigned, g.cfg.PubNub.TokenFile != ""),
		doctor.AuditSink(false),
		doctor.Devices(g.devices.Status),
		doctor.MQTTBroker(g.brokerStatus),
		doctor.TicketLetter(func() string { return string(g.queue.LetterClash()) }),
		doctor.Roster(func() (newest, today string) {
			for d := range g.roster.Days() {
				newest = max(newest, string(d))
			}
			return newest, string(g.calendar().Day(now()))
		}),
		doctor.RosterHeld(g.folder.state),
	)
}
