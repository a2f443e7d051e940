package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	manager "clinicgate/gateway/service"
	"clinicgate/gateway/uplink"
	"clinicgate/kiosk"
	"clinicgate/storage/keyring"
)

// openChecks makes what doctor looks at while the service runs.
func (g *Gateway) openChecks(ctx context.Context) (io.Closer, error) {
	var err error
	if g.checks, err = g.makeChecks(); err != nil {
		return nil, err
	}
	if err := g.checks.Keep(keyring.Dir(g.cfg.Storage.Dir), g.o.Version, g.trusted); err != nil && !errors.Is(err, os.ErrNotExist) {
		g.log.Warn("the checks begin without a memory", "error", err)
	}
	kills, _ := doctor.Kills()
	if err := g.checks.Began(g.clock.BootName(), kills); err != nil {
		g.log.Warn("the start was not noted", "error", err)
	}
	if err := g.checks.Repaired(func(ids []string) error {
		for _, id := range ids {
			act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorSystem, ID: "doctor"})
			if err := g.audit(ctx, act, kiosk.Repaired, kiosk.AuditFacts{Action: "repair while no service ran", Resource: id}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		g.log.Error("repairs were not recorded", "error", err)
	}
	return closer(g.checks.Ended), nil
}

func (g *Gateway) makeChecks() (*doctor.Registry, error) {
	_, strength := g.ring.Source()
	now := func() time.Time { return g.clock.Now().Wall }
	backlog := func() doctor.Backlog {
		s := g.syncSummary()
		return doctor.Backlog{Online: s.Online, LastError: s.LastError, Queued: s.Queued, Oldest: s.Oldest, Quiet: g.quietSince(s)}
	}
	dir, way := g.cfg.Storage.Dir, g.way()
	keyset := doctor.Keyset{PubNub: g.client, Channel: kiosk.DeviceChannel(g.self), Denied: func() bool { return g.uplink.Status().LastFailure == uplink.DeniedByPubNub }}
	hours := func() float64 { return time.Since(g.started).Hours() }
	_, counted := doctor.Kills()
	return doctor.New(
		doctor.Restarts(func() doctor.Deaths { return g.checks.Deaths() }),
		doctor.Installed(manager.Query, true),
		doctor.Recovery(manager.Query),
		doctor.Account(manager.Query),
		doctor.Dropins(doctor.Answers, manager.Query, func() []string { return manager.Lacking(g.cfg) }),
		doctor.Duplicate(otherServices, nil, absolute(g.o.ConfigFile)),

		doctor.ConfigParse(g.o.ConfigFile),
		doctor.ConfigApplied(g.o.ConfigFile, g.cfg),
		doctor.LogLevel(g.logLevel, string(g.cfg.Log.Level)),
		doctor.FilePerms(func() []doctor.Guarded { return doctor.GuardedFiles(g.cfg, g.o.ConfigFile) }),

		doctor.ControlRoles(func() []string { return control.Unknown(g.cfg.Control) }),

		doctor.DiskMount(dir),
		doctor.DiskInodes(dir),
		doctor.DiskWrite(dir),
		doctor.DiskFree(dir, g.cfg.Storage.Budget.Bytes, func() int64 { return g.store.Status().Length }),
		doctor.DiskHealth(dir),
		doctor.Wear(doctor.Written, g.started),

		doctor.KeyCopies(g.ring.Sound),
		doctor.KeySource(strength, g.cfg.KeySource.File, dir),
		doctor.RecoveryKey(func() bool { _, set := g.ring.Recovery(); return set }),
		doctor.KeyAge(g.ring.Epochs, g.ring.List, now),
		doctor.ClinicKeys(func(k keyring.Kind) bool { return g.keys.first(k) != nil }),

		doctor.StoreOpen(g.store.Status),
		doctor.StoreSpace(func() doctor.Space {
			return doctor.Space{Used: g.store.Status().Used, Budget: g.cfg.Storage.Budget.Bytes}
		}),
		doctor.StoreRecovered(func() string { return repaired(g.opened) }),
		doctor.Aside(filepath.Join(dir, "quarantine")),
		doctor.LossEquation(g.store.Status),
		doctor.StoreLosses(g.store.Status),
		doctor.StoreBackup(g.backupState, now),
		doctor.AuditChain(g.store.VerifyAuditTail),
		doctor.AuditSink(false),

		doctor.NetLink(way, net.Interfaces),
		doctor.NetDNS(way),
		doctor.NetCaptive(way),
		doctor.NetProxy(way),
		doctor.NetPort(way),
		doctor.NetTLS(way),
		doctor.PubNubAnswer(g.client),
		doctor.Token(func() doctor.Access {
			t := g.token.Status()
			return doctor.Access{Needed: t.Needed, Held: t.Held, Expires: t.Expires, Expired: t.Expired, Problem: t.Problem}
		}, now),
		doctor.Grant(g.token.Token, g.ownChannels()),
		doctor.PubNubKeys(keyset),
		doctor.PubNubHistory(keyset),
		doctor.UnsignedSenders(g.cfg.Sync.Unsigned, g.cfg.PubNub.TokenFile != ""),
		doctor.SyncLink(backlog),
		doctor.SyncBacklog(backlog, now),

		doctor.ClockTrust(g.clock),
		doctor.ClockOffset(g.clock),
		doctor.ClockJump(g.clock, time.Now),
		doctor.ClockZone(g.cfg.Kiosk.Location(), time.Local, now),

		doctor.MQTTBroker(g.brokerStatus),
		doctor.MQTTClients(g.listenerStatus),
		doctor.MQTTLocal(g.broker.Addr),
		doctor.MQTTCertificates([]doctor.Certificate{{Key: "mqtt.lan_certificate", File: g.cfg.MQTT.LANCertificate}, {Key: "mqtt.broker_certificate", File: g.cfg.MQTT.BrokerCertificate}}, now),
		doctor.SiteExchange(g.siteHealth),

		doctor.DevicesThere(g.devices.Status),
		doctor.DeviceRights(g.devices.Status),
		doctor.DevicesBusy(g.devices.Status),
		doctor.DeviceTrouble(g.devices.Status),
		doctor.DeviceFlap(g.devices.Status, hours),
		doctor.DeviceBattery(g.devices.Status),
		doctor.DevicesSilent(g.devices.Status),

		doctor.PageUp(g.web.Addr),
		doctor.PageCommit(func(ctx context.Context) error { return g.probe(ctx, doctorCursor, g.probes.Add(1)) }),
		doctor.PageLoopback(g.web.Addr),
		doctor.PageBrowser(g.web.Launched, g.started),
		doctor.DeskCertificate(g.cfg.Desk.Certificate, now),
		doctor.Roster(func() (newest, today string) {
			for d := range g.roster.Days() {
				newest = max(newest, string(d))
			}
			return newest, string(g.calendar().Day(now()))
		}),
		doctor.RosterHeld(g.folder.state),
		doctor.TicketLetter(func() string { return string(g.queue.LetterClash()) }),

		doctor.Memory(doctor.Resident),
		doctor.Files(doctor.OpenFiles),
		doctor.Work(),
		doctor.Busy(doctor.Processor, doctor.ProcessorWaits),
		doctor.Upgrade(g.cfg.Upgrade.Dir),
		doctor.Reboots(func() doctor.Cuts { return g.checks.Cuts() }),
		doctor.Killed(func() doctor.Cuts { return g.checks.Killed() }, counted),
		doctor.Throttle(func() doctor.Throttling { return doctor.ThrottlingOf("/") }),
		doctor.Pending(doctor.PendingRestart),
		doctor.Sleep(doctor.MaySleep),
	)
}

// way is the way to PubNub, as the config says.
func (g *Gateway) way() doctor.Way {
	p := g.proxy()
	return doctor.Way{Origin: g.cfg.PubNub.Origin, Secure: g.cfg.PubNub.Secure, Proxy: p.URL, NoProxy: g.cfg.PubNub.NoProxy,
		Credentials: p.Credentials, CAFile: g.cfg.PubNub.CAFile, Now: func() time.Time { return g.clock.Now().Wall }}
}

// ownChannels are those that this kiosk publishes on.
func (g *Gateway) ownChannels() []string {
	list := []string{kiosk.DeviceChannel(g.self), kiosk.AuditChannel(g.journal.Organization), kiosk.ConsentChannel(g.journal.Organization)}
	for _, d := range g.departments {
		list = append(list, kiosk.QueueChannel(d), kiosk.EmergencyChannel(d), kiosk.RosterChannel(d))
	}
	return list
}

// quietSince is since when PubNub answers and took no event.
func (g *Gateway) quietSince(s control.SyncSummary) time.Time {
	since := g.trusted(g.started)
	if back := g.linkBack.Load(); back != nil {
		since = g.trusted(*back)
	}
	if s.LastPublish.After(since) {
		since = s.LastPublish
	}
	return since
}

// logLevel gives a level that the config does not say and that does not end by
// itself, or "".
func (g *Gateway) logLevel() string {
	if g.o.Log == nil {
		return ""
	}
	for _, l := range g.o.Log.Levels() {
		if l.Level != g.cfg.Log.Level.Slog() && l.Until.IsZero() {
			return l.Level.String()
		}
	}
	return ""
}

const (
	checksSoon  = 15 * time.Second // after the start: the link has come up, or will not soon
	checksEvery = 10 * time.Minute
	checksAll   = 36 // of these, one asks the network too and is logged anyhow: every 6 hours
)

// runChecks looks at everything after the start and now and then, and logs what is
// wrong: so it is known since when. Between, what is on this machine is looked at for
// the heartbeat, and the network while something is wrong with it; that is logged where
// it is news.
func (g *Gateway) runChecks(ctx context.Context) error {
	timer := time.NewTimer(checksSoon)
	defer timer.Stop()
	var before []string
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		all := n%checksAll == 0
		network := all || !g.syncSummary().Online || slices.ContainsFunc(before, g.checks.AsksNetwork)
		g.checks.Look(ctx, doctor.Selection{Offline: !network})
		if ctx.Err() != nil {
			return nil
		}
		timer.Reset(checksEvery)
		reports := g.checks.Last()
		_, failing := said(reports)
		if !all && slices.Equal(failing, before) {
			continue
		}
		before = failing
		roots := doctor.Roots(reports)
		for _, r := range roots {
			g.log.Warn("a check found something", "check", r.ID, "state", string(r.State), "detail", r.Detail, "hint", r.Hint, "since", r.Since)
		}
		g.log.Info("checks are done", "wrong", len(roots), "of", len(reports), "support_code", doctor.SupportCode(g.o.Version, reports))
	}
}

// said is what the heartbeat says of the checks: the worst state, and the causes of
// it; nothing before the first run.
func said(reports []doctor.Report) (state string, failing []string) {
	if len(reports) == 0 {
		return "", nil
	}
	for _, r := range doctor.Roots(reports) {
		failing = append(failing, r.ID)
	}
	switch worst := doctor.Worst(reports); {
	case worst.Bad():
		return string(worst), failing[:min(len(failing), kiosk.HeartbeatFailing)]
	default:
		return string(doctor.OK), nil
	}
}

type doctorBackend struct{ *Gateway }

// Look runs the checks, and tells each as it is there.
func (g doctorBackend) Look(ctx context.Context, _ control.Caller, in control.DoctorLook, each func(doctor.Report)) (control.DoctorFound, error) {
	for _, id := range slices.Concat(in.Only, in.Skip) {
		if !slices.Contains(g.checks.IDs(), id) {
			if _, known := doctor.TopicOf(id); known {
				continue // of a service that is down
			}
			return control.DoctorFound{}, &control.Error{Code: control.Invalid, Message: "there is no check of that name", Next: "`clinicgate doctor explain` lists them"}
		}
	}
	reports := g.checks.Look(ctx, doctor.Selection{Only: in.Only, Skip: in.Skip, Offline: in.Offline, Each: each})
	return control.DoctorFound{Version: g.o.Version, Now: g.clock.Now().Wall, Checks: reports, Code: doctor.SupportCode(g.o.Version, reports)}, nil
}

// Fix repairs what can be repaired without harm.
func (g doctorBackend) Fix(ctx context.Context, by control.Caller, in control.DoctorFix) (control.DoctorFixed, error) {
	out := control.DoctorFixed{ID: in.ID}
	switch in.ID {
	case "file-perms":
		loose, _ := doctor.LooseFiles(doctor.GuardedFiles(g.cfg, g.o.ConfigFile))
		for _, f := range loose {
			if err := doctor.Tighten(f); err != nil {
				return out, &control.Error{Code: control.Failed, Message: "the service may not change " + f.Path, Next: "its owner may: `chmod o-rwx,g-w " + f.Path + "`, or with administrator's rights while the service is stopped: `clinicgate doctor --fix file-perms`"}
			}
			out.Did = append(out.Did, f.Path)
		}
	case "log-level":
		if g.o.Log != nil {
			for _, l := range g.o.Log.Levels() {
				g.o.Log.SetLevel(l.Component, g.cfg.Log.Level.Slog(), 0)
			}
			out.Did = append(out.Did, "log level "+string(g.cfg.Log.Level))
		}
	case "key-copies":
		if err := g.ring.Repair(); err != nil {
			return out, &control.Error{Code: control.Failed, Message: "the keyring could not be written: " + err.Error(), Next: "check the disk"}
		}
		out.Did = append(out.Did, "both copies of the keyring")
	default:
		return out, &control.Error{Code: control.Invalid, Message: in.ID + " is nothing that can be repaired by itself", Next: "`clinicgate doctor --fix` names what can"}
	}
	act := kiosk.NewAct(by.Actor)
	if err := g.audit(ctx, act, kiosk.Repaired, kiosk.AuditFacts{Action: "repair", Resource: in.ID}); err != nil {
		return out, err
	}
	return out, nil
}
