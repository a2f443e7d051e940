package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/gpio"
	"clinicgate/devices/nfc"
	"clinicgate/devices/scanner"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	manager "clinicgate/gateway/service"
	"clinicgate/gateway/upgrade"
	"clinicgate/kiosk"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/roster/feed"
	"clinicgate/kiosk/web"
	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

// openControl binds the local channel.
func (g *Gateway) openControl(context.Context) (io.Closer, error) {
	server, err := control.New(g.cfg.Control, control.Backend{
		Status: statusBackend{g}, Doctor: doctorBackend{g}, Tests: g.units, MQTT: mqttBackend{g}, Page: pageBackend{g}, Queue: queueBackend{g}, Consent: consentBackend{g}, Desk: deskBackend{g}, Roster: rosterBackend{g},
		Keys: g.keysBackend(), Audit: auditBackend{g}, Log: logBackend{g}, Diag: diagBackend{g}, Bundle: bundleBackend{g}, Store: storeBackend{g}, Upgrade: upgradeBackend{g}, Access: accessBackend{g}, Glass: glassBackend{g}, Token: tokenBackend{g},
	}, g.log.With("component", "control"))
	if err != nil {
		return nil, err
	}
	g.control = server
	return nil, server.Open(g.channel)
}

type statusBackend struct{ *Gateway }

// Status answers "is it working".
func (g statusBackend) Status(ctx context.Context, _ control.Caller) (control.Status, error) {
	s := g.kept()
	s.Pid, s.Started = os.Getpid(), g.trusted(g.started)
	s.Page = control.PageStatus{Listen: g.web.Addr(), Board: g.web.BoardAddr(), Browser: g.web.Launched(), Desk: g.deskURL(), Speaks: g.web.Speaks(), LastCheckIn: s.Page.LastCheckIn}
	s.Devices = g.units.list()
	s.Roster.Held, _ = g.folder.state()
	s.Disk = g.diskStatus()
	s.Restarts = g.restarts()
	s.Glasses = g.glasses.shown()
	if off, known := g.clock.Offset(); known {
		millis := off.Milliseconds()
		s.ClockOffset = &millis
	}
	if u, err := upgrade.Load(g.cfg.Upgrade.Dir); err == nil && u.Stage != upgrade.None {
		s.Upgrade = u.To.Version + ", " + string(u.Stage)
	}
	s.Checks = g.checks.Look(ctx, doctor.Selection{Offline: true})
	return s, nil
}

// kept is what the store, the keyring and the token's file say.
func (g statusBackend) kept() control.Status {
	now := g.clock.Now()
	st := g.store.Status()
	backup := g.backupState()
	s := control.Status{
		Version: g.o.Version, Kiosk: string(g.self), Site: g.cfg.Kiosk.Site, Now: now.Wall, Synced: now.Synced,
		Queue: control.QueueStatus{Open: g.queue.Open(), Unfinished: len(g.checkin.Unfinished()), Help: len(g.checkin.ActiveHelp())},
		Store: control.StoreStatus{State: "open", Life: st.Life, Used: st.Used, Budget: g.cfg.Storage.Budget.Bytes, Commits: st.Commits,
			AuditSize: st.AuditSize, Checkpoint: st.CheckpointAt, Recovered: g.found,
			Salvages: st.Salvages, Lost: st.Lost, Backup: backup.LastAt(now.Wall), BackupDir: backup.Dir != "", BackupProblem: backup.Problem},
		Sync: g.syncSummary(), Devices: []control.Device{}, Checks: []doctor.Report{},
	}
	today := g.queue.Today()
	waits := g.queue.Accuracy(today)
	s.Queue.WaitsPromised, s.Queue.WaitsMet, s.Queue.WaitsLate = waits.Promised, waits.Met, waits.Late
	for _, e := range slices.Concat(g.queue.States(today), g.queue.Left(today)) { // who was seen checked in, too
		if e.Home == string(g.self) && e.Entry.CheckInTime.After(s.Page.LastCheckIn) {
			s.Page.LastCheckIn = e.Entry.CheckInTime
		}
	}
	if st.Fenced {
		s.Store.State = "fenced"
	}
	for day, held := range g.roster.Days() {
		if string(day) > s.Roster.Day {
			s.Roster = control.RosterStatus{Day: string(day), Appointments: held.Rows}
			if held.Changed != 0 {
				s.Roster.Imported = held.Changed.Time()
			}
		}
	}
	return s
}

// diskStatus is the disk that the store is on.
func (g *Gateway) diskStatus() control.DiskStatus {
	return DiskOf(g.cfg.Storage.Dir, g.started)
}

// DiskOf looks at the disk of a folder. What this process writes a day is known an
// hour after it started; a zero started is a process that only looks.
func DiskOf(dir string, started time.Time) control.DiskStatus {
	var d control.DiskStatus
	v, err := doctor.VolumeOf(dir)
	if err != nil {
		return d
	}
	d.Free, d.Total = v.Free, v.Total
	if v.Worn >= 0 {
		d.Worn = &v.Worn
	}
	if daily, known := doctor.Daily(doctor.Written, started); known && !started.IsZero() {
		d.Daily, d.Years = daily, doctor.Lasts(v.Total, daily)
	}
	return d
}

// restarts asks the service manager, once: it does not change in a process's life.
func (g *Gateway) restarts() *int {
	if g.o.Pulse.Beat == nil {
		return nil
	}
	g.asked.Do(func() {
		ctx, cancel := context.WithTimeout(g.running, 3*time.Second)
		defer cancel()
		if s, err := manager.Query(ctx); err == nil && s.Installed {
			g.again = &s.Restarts
		}
	})
	return g.again
}

// trusted gives the trusted time of a moment of this process, whatever the
// machine's clock has said since.
func (g *Gateway) trusted(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return g.clock.Now().Wall.Add(-time.Since(t))
}

func (g *Gateway) syncSummary() control.SyncSummary {
	up, _ := g.client.Link()
	u := g.uplink.Status()
	t := g.token.Status()
	s := control.SyncSummary{Online: up, Origin: g.cfg.PubNub.Origin, LastPublish: g.trusted(u.LastAccept), LastError: u.LastFailure,
		Token: control.Token{Needed: t.Needed, Held: t.Held, Expires: t.Expires}, Exchange: g.siteStatus()}
	if t.Problem != nil {
		s.Token.Problem = t.Problem.Error()
	}
	for _, st := range g.store.Streams() {
		s.Queued += st.Queued
		if st.Queued > 0 && (s.Oldest.IsZero() || st.Oldest.Before(s.Oldest)) {
			s.Oldest = st.Oldest
		}
	}
	return s
}

func countsOf(c storage.Counts) control.Counts {
	return control.Counts{Accepted: c.Accepted, Delivered: c.Delivered, Queued: c.Queued, Quarantined: c.Quarantined,
		Expired: c.Expired, Dropped: c.Dropped, Unreadable: c.Unreadable}
}

// Sync gives the loss equation.
func (g statusBackend) Sync(context.Context, control.Caller) (control.SyncStatus, error) {
	s := control.SyncStatus{SyncSummary: g.syncSummary(), Total: countsOf(g.store.Status().Counts), Balanced: true, Predecessors: g.predecessorStatus()}
	blocked := g.uplink.Status().Blocked
	lanes := map[storage.Lane]*control.Lane{}
	for _, st := range g.store.Streams() {
		row := control.Stream{Channel: st.Channel, Lane: st.Lane.String(), Counts: countsOf(st.Counts), Oldest: st.Oldest}
		if slices.Contains(blocked, st.Channel) {
			row.State = "backoff"
		}
		s.Balanced = s.Balanced && row.Counts.Accepted == row.Counts.Accounted()
		s.Streams = append(s.Streams, row)
		l := lanes[st.Lane]
		if l == nil {
			l = &control.Lane{Name: st.Lane.String()}
			lanes[st.Lane] = l
		}
		l.Queued += st.Queued
		if st.Queued > 0 && (l.Oldest.IsZero() || st.Oldest.Before(l.Oldest)) {
			l.Oldest = st.Oldest
		}
	}
	s.Balanced = s.Balanced && s.Total.Accepted == s.Total.Accounted()
	for _, p := range s.Predecessors {
		s.Balanced = s.Balanced && p.Counts.Accepted == p.Counts.Accounted()
	}
	for lane := storage.LaneEmergency; lane <= storage.LaneTelemetry; lane++ {
		if l := lanes[lane]; l != nil {
			s.Lanes = append(s.Lanes, *l)
		}
	}
	return s, nil
}

// Devices lists the configured devices, and the ports that are there.
func (g statusBackend) Devices(ctx context.Context, _ control.Caller) (control.Devices, error) {
	out := control.Devices{Devices: g.units.list()}
	for i, p := range g.devices.Probe(ctx) {
		d := &out.Devices[i]
		d.Probe = string(p.Outcome)
		if d.Reason == "" && p.Outcome != devices.Ready {
			d.Reason, d.Hint = p.Reason, p.Hint
		}
	}
	return out, plugged(g.cfg, &out)
}

// morePorts adds what is not a serial port.
func morePorts(cfg config.Config, out *control.Devices) error {
	for _, p := range devices.PrinterPorts() {
		out.Ports = append(out.Ports, control.Port{Path: p.Name, Identity: p.Identity.String(), Mode: "printer", Product: p.Product})
	}
	sockets := []string{""}
	for _, d := range cfg.Devices {
		if d.Class == devices.NFC && !slices.Contains(sockets, d.Socket) {
			sockets = append(sockets, d.Socket)
		}
	}
	for _, socket := range sockets {
		for _, r := range nfc.Readers(socket) {
			out.Ports = append(out.Ports, control.Port{Path: r.Name, Identity: r.Port, Mode: "pcsc", Product: "card reader"})
		}
	}
	for _, c := range gpio.Chips() {
		out.Ports = append(out.Ports, control.Port{Path: c.Path, Identity: c.Port(), Mode: "gpio", Product: c.Product()})
	}
	scanners, err := scanner.List()
	if err != nil {
		return fmt.Errorf("cannot list scanners: %w", err)
	}
	for _, s := range scanners {
		out.Ports = append(out.Ports, control.Port{Path: s.Name, Identity: s.Identity.String(), Mode: string(s.Mode), Product: s.Product})
	}
	return nil
}

type pageBackend struct{ *Gateway }

// Launch mints a launch address.
func (g pageBackend) Launch(ctx context.Context, _ control.Caller, _ control.Launch) (control.Launched, error) {
	path, err := g.web.NewLaunch(ctx)
	if err != nil {
		return control.Launched{}, err
	}
	return control.Launched{URL: "http://" + g.web.Addr() + path, ID: web.LaunchID(path), Expires: time.Now().Add(time.Minute)}, nil
}

// Seen tells whether the launched browser shows the page.
func (g pageBackend) Seen(context.Context, control.Caller) (control.PageSeen, error) {
	s := g.web.Seen()
	return control.PageSeen{Alive: s.Alive, Launch: s.Launch, Refused: s.Refused}, nil
}

type rosterBackend struct{ *Gateway }

// Import takes a list as the config says that the clinic writes them.
func (g rosterBackend) Import(ctx context.Context, by control.Caller, in control.RosterImport) (control.RosterImported, error) {
	out := control.RosterImported{Days: []string{}, Rejected: []control.RosterRow{}}
	if err := g.mayTakeLists(); err != nil {
		return out, err
	}
	list, err := feed.Read(in.List, RosterMapping(g.cfg))
	half := list.Ending == feed.Cut
	if half && !in.Force {
		return out, &control.Error{Code: control.Invalid, Message: "roster ends in the middle of something", Next: "wait until the file is written to the end; `clinicgate roster check` shows where it ends, and --force imports it all the same"}
	}
	if err != nil && !half {
		return out, &control.Error{Code: control.Invalid, Message: err.Error(), Next: "[roster] in the config says how lists are read; `clinicgate roster check` tries it"}
	}
	act := kiosk.NewAct(by.Actor)
	if in.Force {
		if err := g.audit(ctx, act, kiosk.RosterImported, kiosk.AuditFacts{Action: "force, file " + string(list.Ending), Resource: "forced"}); err != nil {
			return out, err
		}
	}
	out.Refused = list.Refused
	for _, p := range list.Problems {
		reason := p.Reason
		if p.Column != "" {
			reason = p.Column + ": " + reason
		}
		out.Rejected = append(out.Rejected, control.RosterRow{Line: p.Line, Reason: reason})
	}
	done, gone, err := g.takeList(ctx, act, list)
	if err != nil {
		return out, err
	}
	if err := g.folder.release(ctx, act, in.List); err != nil {
		return out, err
	}
	for _, d := range done.Days {
		out.Days = append(out.Days, string(d))
	}
	out.Rows, out.Changed, out.Gone = done.New+done.Changed+done.Same, done.New+done.Changed, done.Moved+gone.Gone
	return out, nil
}

// Held lists what the watched folder holds back for a person.
func (g rosterBackend) Held(context.Context, control.Caller) (control.HeldLists, error) {
	return control.HeldLists{Lists: append([]control.HeldList{}, g.folder.shown()...)}, nil
}

// Accept imports a list that is held.
func (g rosterBackend) Accept(ctx context.Context, by control.Caller, in control.HeldDecision) (control.RosterImported, error) {
	data, err := g.folder.read(in.ID)
	if err != nil {
		return control.RosterImported{}, err
	}
	return g.Import(ctx, by, control.RosterImport{List: data, Force: true})
}

// Refuse throws a list away that is held.
func (g rosterBackend) Refuse(ctx context.Context, by control.Caller, in control.HeldDecision) (control.HeldLists, error) {
	if err := g.folder.refuse(ctx, kiosk.NewAct(by.Actor), in.ID); err != nil {
		return control.HeldLists{}, err
	}
	return g.Held(ctx, by)
}

// mayTakeLists reports whether the keys are there by which a list is kept.
func (g *Gateway) mayTakeLists() error {
	if g.keys.first(keyring.PatientReference) == nil {
		return &control.Error{Code: control.Unavailable, Message: "the clinic's patient reference key is not in the keyring", Next: "import it with `clinicgate keys import`; the roster is not taken without it"}
	}
	if !bytes.Equal(g.madeFrom, g.clinicKeys()) {
		return &control.Error{Code: control.Unavailable, Message: "the clinic's keys have just changed and the service starts again with them", Next: "try again in a few seconds"}
	}
	return nil
}

// takeList imports what a list says. It returns when everything is durable.
func (g *Gateway) takeList(ctx context.Context, act kiosk.Act, list feed.List) (done roster.Imported, gone roster.Cancelled, err error) {
	if done, err = g.roster.Import(ctx, act, list.Appointments); err != nil || len(list.Cancelled) == 0 {
		return done, gone, err
	}
	var cancelled []roster.Cancellation
	for _, c := range list.Cancelled {
		if c.NoShow {
			continue // the patient may still come; whether that is too late is a rule of ours
		}
		cancelled = append(cancelled, roster.Cancellation{ID: c.ID, Day: c.Day})
	}
	gone, err = g.roster.Cancel(ctx, act, cancelled)
	return done, gone, err
}

type auditBackend struct{ *Gateway }

const auditPage = 500

// List gives the newest audit events of this kiosk.
func (g auditBackend) List(ctx context.Context, _ control.Caller, in control.AuditQuery) (control.AuditEvents, error) {
	out := control.AuditEvents{Events: []json.RawMessage{}}
	if in.Limit < 1 || in.Limit > 1000 {
		return out, &control.Error{Code: control.Invalid, Message: "limit is 1 to 1000"}
	}
	channel := kiosk.AuditChannel(g.journal.Organization)
	var after storage.Cursor
	for {
		records, err := g.store.Read(ctx, channel, "", after, auditPage)
		if err != nil {
			return out, err
		}
		for _, r := range records {
			after = storage.Cursor{Inc: r.Inc, Seq: r.Seq}
			var e struct {
				EventType string `json:"eventType"`
			}
			if json.Unmarshal(r.Body, &e) != nil || in.Type != "" && e.EventType != in.Type {
				continue
			}
			out.Events = append(out.Events, json.RawMessage(r.Body))
		}
		if extra := len(out.Events) - in.Limit; extra > 0 {
			out.Events = slices.Delete(out.Events, 0, extra)
		}
		if len(records) < auditPage {
			return out, nil
		}
	}
}

// keysBackend is the keyring, with what follows from a change of it.
func (g *Gateway) keysBackend() control.RingKeys {
	return control.RingKeys{Ring: g.ring, Now: func() time.Time { return g.clock.Now().Wall }, Change: g.changeKeys}
}

// clinicKeys fingerprints the keys that the clinic's parts are made from.
func (g *Gateway) clinicKeys() []byte {
	h := sha256.New()
	for _, kind := range []keyring.Kind{keyring.PatientReference, keyring.Ticket, keyring.AppointmentCode} {
		fmt.Fprintf(h, "%d\n", len(g.keys.first(kind)))
		h.Write(g.keys.first(kind))
	}
	return h.Sum(nil)
}
