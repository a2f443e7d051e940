package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/gateway/upgrade"
	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
	"clinicgate/storage"
	"clinicgate/storage/auditlog"
	"clinicgate/storage/keyring"

	"github.com/google/uuid"
)

// fakeBackend is a made-up clinic behind a control channel.
func fakeBackend() control.Backend {
	return control.Backend{Status: fakeStatus{}, Doctor: fakeDoctor{}, Tests: fakeTests{}, MQTT: fakeMQTT{}, Page: fakePage{}, Queue: fakeQueue{}, Consent: fakeConsents{}, Desk: fakeDesk{}, Roster: fakeRoster{},
		Keys: fakeKeys{}, Audit: fakeAudit{}, Log: fakeLog{}, Diag: fakeDiag{}, Bundle: fakeBundle{}, Store: fakeStore{}, Upgrade: fakeUpgrade{}, Access: fakeAccess{}, Glass: fakeGlass{}, Token: fakeToken{}}
}

type fakeDiag struct{}

func (fakeDiag) Open(context.Context, control.Caller, control.DiagOpen) (control.DiagOpened, error) {
	return control.DiagOpened{Code: "0417 5823", Expires: time.Now().Add(10 * time.Minute)}, nil
}

func (fakeDiag) Close(context.Context, control.Caller, control.DiagClose) (control.DiagStatus, error) {
	return control.DiagStatus{Open: true, By: "staff:it"}, nil
}

func (fakeDiag) Status(context.Context, control.Caller) (control.DiagStatus, error) {
	return control.DiagStatus{Open: true, By: "staff:it", Opened: before(2 * time.Minute), Code: true, CodeBy: "staff:ada", Expires: time.Now().Add(5 * time.Minute), Wrong: 2}, nil
}

type fakeMQTT struct{}

func (fakeMQTT) Credential(_ context.Context, _ control.Caller, in control.MQTTClient) (control.MQTTCredential, error) {
	if in.ID != "cuff-1" {
		return control.MQTTCredential{}, &control.Error{Code: control.NotFound, Message: "no MQTT client of that id is configured", Next: "add a [[mqtt.client]] table"}
	}
	return control.MQTTCredential{ID: in.ID, Credential: "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, nil
}

func (fakeMQTT) Watch(_ context.Context, _ control.Caller, in control.DeviceWatch) (control.DeviceWatched, error) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	if in.Topic != "" {
		return control.DeviceWatched{Next: 1, Seen: []control.DeviceSeen{{At: at, Topic: "scales/a/data", Length: 20, Shape: "{kg: number}", Read: []string{"a: weight [phi] kg"}, Accepted: true}}}, nil
	}
	return control.DeviceWatched{Next: 1, Seen: []control.DeviceSeen{{At: at, Device: "front-scanner", Class: "scanner", Kind: "ticket", Verdict: "good", Length: 31, Accepted: true}}}, nil
}

// fakeDoctor finds one cause with a consequence, and a warning.
type fakeDoctor struct {
	safe bool // every safeguard is there
}

func (fakeDoctor) Look(_ context.Context, _ control.Caller, in control.DoctorLook, each func(doctor.Report)) (control.DoctorFound, error) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	reports := []doctor.Report{
		{ID: "disk-free", State: doctor.OK, Did: "compares the free space", Detail: "900 MiB are free"},
		{ID: "net-dns", State: doctor.Fail, Did: "looks up the name of PubNub", Detail: "no name server answers", Hint: "check the DNS server", Impacts: []doctor.Impact{doctor.Sync}, Since: now.Add(-3 * time.Hour)},
		{ID: "pubnub-answer", State: doctor.Skipped, Detail: "not looked at because net-dns failed", Because: "net-dns"},
		{ID: "roster-age", State: doctor.Warn, Detail: "there are no appointments", Hint: "`clinicgate roster import FILE`", Since: now.Add(-time.Minute)},
		{ID: "audit-sink", State: doctor.Info, Detail: "kept here and on PubNub only"},
	}
	if len(in.Only) > 0 {
		reports = reports[3:4]
	}
	for _, r := range reports {
		each(r)
	}
	return control.DoctorFound{Version: "v1.2.3", Now: now, Checks: reports, Code: doctor.SupportCode("v1.2.3", reports)}, nil
}

func (fakeDoctor) Fix(_ context.Context, _ control.Caller, in control.DoctorFix) (control.DoctorFixed, error) {
	if in.ID != "file-perms" {
		return control.DoctorFixed{}, &control.Error{Code: control.Invalid, Message: in.ID + " is nothing that can be repaired by itself", Next: "`clinicgate doctor --fix` names what can"}
	}
	return control.DoctorFixed{ID: in.ID, Did: []string{"/etc/clinicgate/token"}}, nil
}

type fakeUpgrade struct{}

func (fakeUpgrade) Look(context.Context, control.Caller) (upgrade.Sight, error) {
	return upgrade.Sight{PID: 1, Store: true, Page: true, Idle: true, Devices: []string{}}, nil
}

func (fakeUpgrade) Record(context.Context, control.Caller, upgrade.Event) (control.None, error) {
	return control.None{}, nil
}

type fakeAccess struct{}

func (fakeAccess) Record(context.Context, control.Access) error { return nil }

type fakeToken struct{}

func (fakeToken) Read(context.Context, control.Caller, control.None) (control.Token, error) {
	return control.Token{Needed: true, Held: true, Expires: time.Now().Add(time.Hour)}, nil
}

func (f fakeDoctor) Validate(_ context.Context, _ control.Caller, _ control.None, progress func(control.Progress)) (control.Validation, error) {
	progress(control.Progress{Done: 1, Total: 2, Unit: "records"})
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	p := doctor.Posture{Source: "key-file", Strength: "file", Accounts: 2, Rescuers: 1, Records: 10, Checkpoint: now, Verifies: true, Token: true, Encrypted: true, CipherKey: true, KeptDays: 400, Now: now}
	if f.safe {
		p.Source, p.Strength, p.Recovery = "passphrase", keyring.StrengthPassphrase, true
		p.Backup = doctor.Backup{Dir: "/mnt/copies", Last: now.Add(-8 * time.Hour)}
	}
	return control.Validation{OK: f.safe, Kiosk: "lobby-1", Now: now, Safeguards: doctor.Safeguards(p)}, nil
}

// fakeGlass checks as the service does, for a technician.
type fakeGlass struct{}

var fakeTaken = control.Glass{ID: "3f9a10c2", By: "tom", Role: "desk", Reason: "patient-safety", Reference: "INC-4711", Until: time.Date(2026, 11, 22, 10, 0, 0, 0, time.Local), Uses: 2}

func (fakeGlass) Open(_ context.Context, _ control.Caller, in control.BreakGlass) (control.Glass, error) {
	_, _, err := in.Check(control.Technician)
	g := fakeTaken
	g.Role, g.Reason, g.Reference = in.Role, in.Reason, in.Reference
	return g, err
}
func (fakeGlass) List(context.Context, control.Caller) (control.Glasses, error) {
	return control.Glasses{Open: []control.Glass{fakeTaken}}, nil
}
func (fakeGlass) End(_ context.Context, _ control.Caller, in control.GlassEnd) (control.Glasses, error) {
	if in.ID != fakeTaken.ID {
		return control.Glasses{}, &control.Error{Code: control.NotFound, Message: "no such role is taken", Next: "`clinicgate break-glass list` shows them"}
	}
	return control.Glasses{Open: []control.Glass{}}, nil
}
func (fakeGlass) Granted(kiosk.Actor) control.Roles                                 { return 0 }
func (fakeGlass) Used(context.Context, control.Caller, control.Roles, string) error { return nil }

func before(d time.Duration) time.Time { return time.Now().Add(-d - 5*time.Second) }

var fakeSummary = control.SyncSummary{Online: true, Origin: "ps.pndsn.com", Queued: 3,
	Token: control.Token{Needed: true, Held: true}}

// fakeExchange is with two kiosks, of which one was heard a while ago.
func fakeExchange(heard time.Time) *control.Exchange {
	return &control.Exchange{Broker: "tls://broker.clinic.example:8883", Connected: true, Said: 40, Repeated: 2, Taken: 31, Duplicates: 5, LastHeard: heard,
		Refused: control.Refusals{"unsigned": 2, "bad-signature": 1}, Kiosks: []control.SiteKiosk{{ID: "lobby-2", Heard: heard}, {ID: "lobby-3"}}}
}

type fakeStatus struct{}

func (fakeStatus) Status(context.Context, control.Caller) (control.Status, error) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	s := control.Status{
		Version: "v1.2.3", Kiosk: "lobby-1", Site: "main", Pid: 42, Started: now.Add(-3 * time.Hour), Now: now, Synced: true,
		Restarts: new(1), ClockOffset: new(int64(-1840)),
		Disk:   control.DiskStatus{Free: 21 << 30, Total: 28 << 30, Worn: new(10), Daily: 640 << 20, Years: 63.2},
		Page:   control.PageStatus{Listen: "127.0.0.1:8470", Browser: true, Speaks: []string{"en", "es"}, LastCheckIn: now.Add(-4 * time.Minute)},
		Queue:  control.QueueStatus{Open: 4, Unfinished: 1, WaitsPromised: 25, WaitsMet: 21, WaitsLate: 1},
		Roster: control.RosterStatus{Day: "2026-11-22", Appointments: 60, Imported: now.Add(-2 * time.Hour)},
		Store: control.StoreStatus{State: "open", Life: 1, Used: 12 << 20, Budget: 1 << 30, AuditSize: 1042, Checkpoint: now.Add(-5 * time.Minute),
			Recovered: "the file was damaged; every record that could be read was kept", Salvages: 1, Lost: 3, Backup: now.Add(-8 * time.Hour), BackupDir: true},
		Sync:    fakeSummary,
		Devices: []control.Device{{ID: "front-scanner", State: "attached"}, {ID: "lamp", State: "lost"}},
		Checks: []doctor.Report{
			{ID: "store-open", State: doctor.OK, Detail: "the store is open"},
			{ID: "key-source", State: doctor.Fail, Detail: "the store's key lies in a file", Hint: "use a passphrase", Since: now.Add(-3 * time.Hour)},
		},
	}
	s.Sync.LastPublish, s.Sync.Oldest, s.Sync.Token.Expires = now.Add(-2*time.Second), now.Add(-10*time.Minute), now.Add(30*time.Minute)
	s.Sync.Exchange = fakeExchange(now.Add(-12 * time.Second))
	return s, nil
}

func (fakeStatus) Sync(context.Context, control.Caller) (control.SyncStatus, error) {
	total := control.Counts{Accepted: 1042, Delivered: 1038, Queued: 3, Dropped: 1}
	summary := fakeSummary
	summary.Exchange = fakeExchange(before(10 * time.Minute))
	return control.SyncStatus{SyncSummary: summary, Total: total, Balanced: true,
		Lanes:   []control.Lane{{Name: "emergency"}, {Name: "queue", Queued: 3, Oldest: before(10 * time.Minute)}},
		Streams: []control.Stream{{Channel: "queue.general", Lane: "queue", Counts: total, Oldest: before(10 * time.Minute), State: "backoff"}},
	}, nil
}

func (fakeStatus) Devices(context.Context, control.Caller) (control.Devices, error) {
	return control.Devices{
		Devices: []control.Device{
			{ID: "front-scanner", Class: "scanner", Binding: "usb:05e0:1701", State: "attached", Probe: "ready", Where: "/dev/ttyACM0", Readings: 7, Firmware: "1.02",
				Counters: control.DeviceCounters{Attachments: 2, Losses: 1, Accepted: 7, Damaged: 3, Noise: 12}},
			{ID: "side-scanner", Class: "scanner", Binding: "/dev/ttyS0", State: "lost", Probe: "failed", Reason: "no such device", Hint: "plug it in"},
			{ID: "bell", Class: "sounder", Binding: "gpio:lobby/6", Mode: "gpio", State: "attached", Probe: "ready", Where: "/dev/gpiochip0 line 6"},
		},
		Ports: []control.Port{{Path: "/dev/ttyACM0", Identity: "usb:05e0:1701:S1", Product: "Scanner \x1b]0;owned\a"},
			{Path: "/dev/gpiochip0", Identity: "gpio:lobby/LINE", Mode: "gpio", Product: "GPIO chip gpiochip0, lines 0 to 7"},
			{Path: "/dev/usb/lp0", Identity: "usb:04b8:0e15", Mode: "printer", Product: "TM"}},
	}, nil
}

type fakeBundle struct{}

func (fakeBundle) Make(_ context.Context, _ control.Caller, in control.BundleWanted, progress func(control.Progress)) (control.BundleMade, error) {
	progress(control.Progress{Done: 1, Total: 2, Unit: "records"})
	if len(in.Without) == 0 {
		return control.BundleMade{}, &control.Error{Code: control.Found, Message: "the bundle was not written: log.txt may hold a name", Next: "leave it out"}
	}
	return control.BundleMade{Name: "clinicgate-bundle-lobby-1.zip", File: []byte("PK")}, nil
}

type fakeLog struct{}

func (fakeLog) SetLevel(_ context.Context, _ control.Caller, l control.LogLevel) (control.LogLevel, error) {
	if l.Level != "debug" {
		return l, &control.Error{Code: control.Invalid, Message: "no such level", Next: "debug, info, warn or error"}
	}
	return l, nil
}

func (fakeLog) Levels(context.Context, control.Caller) (control.LogLevels, error) {
	return control.LogLevels{Levels: []control.LogLevel{{Level: "info"}, {Level: "debug", Component: "uplink", Seconds: 1500}}}, nil
}

func (fakeLog) Tail(_ context.Context, _ control.Caller, in control.LogTail) (control.LogLines, error) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	return control.LogLines{Next: 7, Lines: []control.LogLine{{Time: at, Level: "warn", Component: "devices", Message: "device is gone",
		Fields: []control.LogField{{Key: "device", Value: "front-scanner"}, {Key: "reason", Value: "no such device"}}}}[:min(in.Lines, 1)]}, nil
}

type fakePage struct{}

func (fakePage) Seen(context.Context, control.Caller) (control.PageSeen, error) {
	return control.PageSeen{Alive: true}, nil
}

func (fakePage) Launch(context.Context, control.Caller, control.Launch) (control.Launched, error) {
	return control.Launched{URL: "http://127.0.0.1:8470/launch?token=once"}, nil
}

type fakeQueue struct{}

func entry(ticket string) control.QueueEntry {
	return control.QueueEntry{Ticket: ticket, Department: "general", Provider: "dr-lee", Status: kiosk.Waiting, Priority: kiosk.Normal,
		CheckIn: before(20 * time.Minute), WaitLow: 10, WaitHigh: 20, Flags: []string{"interpreter"}}
}

func (fakeQueue) List(context.Context, control.Caller) (control.QueueList, error) {
	gone := entry("A-016")
	gone.Status = kiosk.Completed
	other := entry("A-018")
	other.Department, other.Status, other.Flags, other.Unfinished = "cardiology", kiosk.CheckedIn, []string{"provisional"}, true
	walked := entry("A-019")
	walked.Flags, walked.Reason = nil, "medicine"
	left := entry("A-020")
	left.Flags, left.Status, left.Unfinished = nil, kiosk.CheckedIn, true
	return control.QueueList{Day: "2026-11-22", Entries: []control.QueueEntry{entry("A-017"), gone, other, walked, left},
		Providers: []control.Provider{{ID: "dr-lee", Name: "Dr. Lee", Department: "general", Status: kiosk.Available, Room: "12"}}}, nil
}

func (f fakeQueue) Reveal(ctx context.Context, by control.Caller, _ control.None) (control.QueueList, error) {
	l, err := f.List(ctx, by)
	for i := range l.Entries {
		l.Entries[i].Name = "Canary, Wanda"
	}
	return l, err
}

func (fakeQueue) Admit(_ context.Context, _ control.Caller, in control.Admit) (control.QueueEntry, error) {
	if in.HappenedAt != "" && in.HappenedAt != "09:40" {
		return control.QueueEntry{}, &control.Error{Code: control.Invalid, Message: "the time cannot be read", Next: "write it as 09:40"}
	}
	switch in.Appointment {
	case "apt-1":
		e := entry("A-019")
		e.Room = in.HappenedAt
		return e, nil
	case "apt-2":
		return control.QueueEntry{}, &control.Error{Code: control.Conflict, Message: "cannot check in from waiting: somebody has arrived for this appointment already", Next: "`clinicgate queue list` shows the present state"}
	}
	return control.QueueEntry{}, &control.Error{Code: control.NotFound, Message: "there is no such appointment on today's list", Next: "`clinicgate queue walk-in` takes in a person without an appointment"}
}

func (fakeQueue) WalkIn(_ context.Context, _ control.Caller, in control.WalkIn) (control.QueueEntry, error) {
	e := entry("A-020")
	e.Room = in.HappenedAt
	e.Department, e.Reason = in.Department, in.Reason
	switch {
	case in.Reason != "medicine":
		return e, &control.Error{Code: control.Invalid, Message: "there is no such reason in the config", Next: "the reasons are: medicine"}
	case in.Name != "" && in.Name != "Canary, Wanda" || in.Birth != "" && in.Birth != "1980-02-29":
		return e, &control.Error{Code: control.Invalid, Message: "the name cannot be read", Next: "write it in letters"}
	}
	return e, nil
}

func (fakeQueue) Match(_ context.Context, _ control.Caller, in control.Match) (control.QueueEntry, error) {
	if in.Appointment != "apt-1" {
		return control.QueueEntry{}, &control.Error{Code: control.NotFound, Message: "there is no such appointment on today's list"}
	}
	return entry(in.Entry), nil
}

func (fakeQueue) Call(_ context.Context, _ control.Caller, in control.CallEntry) (control.QueueEntry, error) {
	switch in.Entry {
	case "A-404":
		return control.QueueEntry{}, &control.Error{Code: control.NotFound, Message: "no entry A-404 today", Next: "`clinicgate queue list` shows today's"}
	case "A-403":
		return control.QueueEntry{}, &control.Error{Code: control.Denied, Message: "not yours"}
	}
	e := entry(in.Entry)
	e.Room = cmp.Or(in.Room, in.HappenedAt)
	return e, nil
}

func (fakeQueue) SetStatus(_ context.Context, _ control.Caller, in control.SetStatus) (control.QueueEntry, error) {
	if in.Status == kiosk.Completed && in.HappenedAt == "" {
		return control.QueueEntry{}, &control.Error{Code: control.Conflict, Message: "waiting cannot become completed", Next: "call the patient first"}
	}
	e := entry(in.Entry)
	e.Status = in.Status
	return e, nil
}

func (fakeQueue) Remove(_ context.Context, _ control.Caller, in control.Remove) (control.QueueEntry, error) {
	if in.Reason != kiosk.RemovedCancelled && in.Reason != kiosk.RemovedRescheduled {
		return control.QueueEntry{}, &control.Error{Code: control.Invalid, Message: "a visit leaves as cancelled or as rescheduled", Next: "change the status"}
	}
	e := entry(in.Entry)
	e.Status, e.Removed, e.Room = kiosk.Cancelled, in.Reason, in.HappenedAt
	return e, nil
}

func (fakeQueue) SetPriority(_ context.Context, _ control.Caller, in control.SetPriority) (control.QueueEntry, error) {
	return entry(in.Entry), nil
}

func (fakeQueue) Transfer(_ context.Context, _ control.Caller, in control.Transfer) (control.QueueEntry, error) {
	e := entry(in.Entry)
	e.Department = in.Department
	return e, nil
}

func (fakeQueue) Undo(_ context.Context, _ control.Caller, in control.Undo) (control.QueueEntry, error) {
	return entry(in.Entry), nil
}

func (fakeQueue) SetProvider(_ context.Context, _ control.Caller, in control.SetProvider) (control.Provider, error) {
	return control.Provider{ID: in.Provider, Status: in.Status, Room: in.Room}, nil
}

func (fakeQueue) Help(context.Context, control.Caller) (control.HelpList, error) {
	return control.HelpList{Help: []control.Help{{ID: "h-1", Kind: "ill", Department: "general", Kiosk: "lobby-1", Raised: before(3 * time.Minute)}}}, nil
}

func (fakeQueue) AcknowledgeHelp(_ context.Context, by control.Caller, in control.AcknowledgeHelp) (control.Help, error) {
	return control.Help{ID: in.ID, AcknowledgedBy: string(by.Actor.Kind)}, nil
}

type fakeConsents struct{}

func (fakeConsents) List(_ context.Context, _ control.Caller, in control.ConsentQuery) (control.ConsentList, error) {
	if in.Entry != "A-017" && in.Appointment != "apt-1" {
		return control.ConsentList{}, &control.Error{Code: control.NotFound, Message: "there is no such entry today", Next: "`clinicgate queue list` shows the entries"}
	}
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)
	return control.ConsentList{Ticket: "A-017", Patient: "…4ji\x1b[2J",
		Standings: []control.ConsentStanding{{Type: kiosk.Telehealth, Standing: consent.Declined}, {Type: kiosk.DataSharing, Standing: consent.InEffect, Until: at.AddDate(1, 0, 0)}},
		Records: []control.ConsentRecord{{ID: fakeConsent, Type: "data-sharing", Version: "2026-01", Language: "es", Decision: "granted", At: at, Until: at.AddDate(1, 0, 0),
			Method: "tapped", Relation: "guardian", Interpreter: true}}}, nil
}

var fakeConsent = uuid.MustParse("01890a5d-ac96-7b2f-8a1c-0123456789ab")

func (f fakeConsents) Revoke(ctx context.Context, by control.Caller, in control.ConsentRevoke) (control.ConsentList, error) {
	if !in.Reason.Valid() {
		return control.ConsentList{}, &control.Error{Code: control.Invalid, Message: "there is no such reason to revoke a consent", Next: "`clinicgate consent revoke --help` lists the reasons"}
	}
	if in.Record != fakeConsent {
		return control.ConsentList{}, &control.Error{Code: control.NotFound, Message: "there is no such consent record", Next: "`clinicgate consent list ENTRY` shows a patient's records"}
	}
	l, err := f.List(ctx, by, control.ConsentQuery{Entry: "A-017"})
	l.Standings[1].Standing = consent.Revoked
	return l, err
}

func (fakeConsents) Signature(_ context.Context, _ control.Caller, in control.ConsentSigned) (control.ConsentSignature, error) {
	if in.Record != fakeConsent {
		return control.ConsentSignature{}, &control.Error{Code: control.NotFound, Message: "the signature is not held on this kiosk", Next: "ask on the kiosk where it was signed: signatures do not leave it"}
	}
	return control.ConsentSignature{Record: control.ConsentRecord{ID: fakeConsent, Type: "telehealth", At: time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local), Method: "typed", Relation: "self"},
		SHA256: "ab12", SVG: "<svg><text>Ada Fictional</text></svg>\n"}, nil
}

type fakeDesk struct{}

var fakeBrowser = control.DeskBrowser{ID: "b-7k2m9qxw", Name: "front desk", Paired: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), By: "staff:it", Staff: "ana"}

func (fakeDesk) Pair(_ context.Context, _ control.Caller, in control.DeskPair) (control.DeskPairing, error) {
	return control.DeskPairing{Code: "7K2M-9QXW", Expires: time.Now().Add(10 * time.Minute), URLs: []string{"https://desk.clinic.example:8472/"}, Fingerprint: "AB:CD"}, nil
}

func (fakeDesk) Browsers(context.Context, control.Caller) (control.DeskBrowsers, error) {
	return control.DeskBrowsers{Browsers: []control.DeskBrowser{fakeBrowser}}, nil
}

func (fakeDesk) Revoke(_ context.Context, _ control.Caller, in control.DeskRevoke) (control.DeskBrowsers, error) {
	if in.ID != fakeBrowser.ID {
		return control.DeskBrowsers{}, &control.Error{Code: control.NotFound, Message: "there is no such browser", Next: "`clinicgate desk browsers` lists them"}
	}
	return control.DeskBrowsers{Browsers: []control.DeskBrowser{}}, nil
}

func (fakeDesk) SetPIN(_ context.Context, _ control.Caller, in control.DeskPIN) (control.None, error) {
	if in.PIN != "730184" {
		return control.None{}, &control.Error{Code: control.Invalid, Message: "a PIN is 6 to 12 digits", Next: "choose another"}
	}
	return control.None{}, nil
}

func (fakeDesk) Certificate(context.Context, control.Caller) (control.DeskCertificate, error) {
	return control.DeskCertificate{PEM: "-----BEGIN CERTIFICATE-----\n", Fingerprint: "AB:CD", Own: true}, nil
}

type fakeRoster struct{}

func (fakeRoster) Import(_ context.Context, _ control.Caller, in control.RosterImport) (control.RosterImported, error) {
	r := control.RosterImported{Days: []string{"2026-11-22"}, Rejected: []control.RosterRow{}}
	for i, row := range strings.Split(strings.TrimSpace(string(in.List)), "\n")[1:] {
		if strings.Contains(row, "broken") {
			r.Rejected = append(r.Rejected, control.RosterRow{Line: i + 2, Reason: "start is not a time"})
			r.Refused++
			continue
		}
		r.Rows++
		r.Changed++
	}
	return r, nil
}

func (fakeRoster) Held(context.Context, control.Caller) (control.HeldLists, error) {
	return control.HeldLists{Lists: []control.HeldList{{ID: "3f9a10c2", Why: "shrunk", Since: before(3 * time.Minute), Rows: 28, Days: []string{"2026-11-22"}, Importable: true}}}, nil
}

func (f fakeRoster) Accept(ctx context.Context, by control.Caller, in control.HeldDecision) (control.RosterImported, error) {
	if in.ID != "3f9a10c2" {
		return control.RosterImported{}, &control.Error{Code: control.NotFound, Message: "no such list is held", Next: "`clinicgate roster held` lists them"}
	}
	return control.RosterImported{Days: []string{"2026-11-22"}, Rows: 28, Changed: 2, Rejected: []control.RosterRow{}}, nil
}

func (fakeRoster) Refuse(_ context.Context, _ control.Caller, in control.HeldDecision) (control.HeldLists, error) {
	if in.ID != "3f9a10c2" {
		return control.HeldLists{}, &control.Error{Code: control.NotFound, Message: "no such list is held", Next: "`clinicgate roster held` lists them"}
	}
	return control.HeldLists{Lists: []control.HeldList{}}, nil
}

type fakeKeys struct{}

func (fakeKeys) List(context.Context, control.Caller) (control.KeyList, error) {
	return control.KeyList{Source: "passphrase", Strength: "passphrase", Sound: true, Public: []byte("public"),
		Secrets: []control.KeyInfo{{Kind: "ticket", ID: "first", Created: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}},
		Epochs:  []control.KeyEpoch{{Class: "queue", Epoch: 1, State: "active", Created: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Uses: 9}}}, nil
}
func (k fakeKeys) Import(ctx context.Context, by control.Caller, _ control.KeyImport) (control.KeyList, error) {
	return k.List(ctx, by)
}
func (k fakeKeys) Rotate(ctx context.Context, by control.Caller, in control.KeyRotate) (control.KeyList, error) {
	if in.Class != "queue" {
		return control.KeyList{}, errors.New("no such class")
	}
	return k.List(ctx, by)
}
func (k fakeKeys) Erase(ctx context.Context, by control.Caller, _ control.KeyErase) (control.KeyList, error) {
	return k.List(ctx, by)
}
func (k fakeKeys) SetRecovery(ctx context.Context, by control.Caller, _ control.KeyRecovery) (control.KeyList, error) {
	return k.List(ctx, by)
}

type fakeAudit struct{}

func (fakeAudit) List(_ context.Context, _ control.Caller, q control.AuditQuery) (control.AuditEvents, error) {
	if q.Type == "NONE" {
		return control.AuditEvents{Events: []json.RawMessage{}}, nil
	}
	return control.AuditEvents{Events: []json.RawMessage{
		json.RawMessage(`{"timestamp":"2026-11-22T09:00:00Z","eventType":"PATIENT_CONSENT_GIVEN","outcome":"success","actor":{"userId":"patient-session:s1"},"resource":{"id":"p-abc"}}`),
	}}, nil
}

func (fakeAudit) Verify(_ context.Context, _ control.Caller, _ control.AuditVerify, progress func(control.Progress)) (control.AuditReport, error) {
	progress(control.Progress{Done: 1, Total: 2, Unit: "records"})
	return control.AuditReport{OK: false, Logs: []auditlog.Report{{Origin: "clinicgate/lobby-1", Records: 10, Size: 10, Checkpoints: 1, Checked: 7,
		Problems: []auditlog.Problem{{Kind: "chain", From: 7, To: 8, Detail: "does not name the record before it"}}}}}, nil
}

type fakeStore struct{}

func (fakeStore) Backup(_ context.Context, _ control.Caller, in control.StoreBackup, progress func(control.Progress)) (control.BackedUp, error) {
	progress(control.Progress{Done: 1, Total: 2, Unit: "records"})
	return control.BackedUp{File: in.To, Bytes: 12 << 20, Made: time.Date(2031, 5, 6, 7, 30, 0, 0, time.UTC), Life: 2, Commit: 1042, Unsent: 3, Blobs: 1, SameDisk: true}, nil
}

func (fakeStore) Check(_ context.Context, _ control.Caller, _ control.StoreCheck, progress func(control.Progress)) (storage.Report, error) {
	progress(control.Progress{Done: 1, Total: 2, Unit: "records"})
	return storage.Report{OK: true}, nil
}

func (fakeStore) Retain(_ context.Context, _ control.Caller, _ control.None, progress func(control.Progress)) (control.Retained, error) {
	progress(control.Progress{Done: 1, Total: 2, Unit: "records"})
	return control.Retained{Before: 64 << 20, After: 60 << 20}, nil
}

func (fakeStore) Compact(_ context.Context, _ control.Caller, _ control.None, progress func(control.Progress)) (control.Compacted, error) {
	progress(control.Progress{Done: 1, Total: 2, Unit: "records"})
	return control.Compacted{Before: 64 << 20, After: 12 << 20}, nil
}

// fakeTests reads the test's code at the front scanner and at a new unit; the side scanner stays silent.
type fakeTests struct{}

func (fakeTests) Await(_ context.Context, _ control.Caller, in control.DeviceAwait) (control.DeviceRead, error) {
	if in.ID == "side-scanner" && in.Port == "" {
		return control.DeviceRead{Device: control.Device{Reason: "not plugged in", Hint: "plug the device in"}}, nil
	}
	return control.DeviceRead{Read: true, Matched: in.Code, Verdict: "good", Length: len(control.TestCode), Micros: 1250}, nil
}
func (fakeTests) Try(context.Context, control.Caller, control.DeviceUnit) (control.DeviceTried, error) {
	return control.DeviceTried{Notice: "Does the lamp blink?", Micros: 20_000}, nil
}
func (fakeTests) Judge(_ context.Context, _ control.Caller, in control.DeviceVerdict) (control.DeviceTested, error) {
	out := control.DeviceTested{ID: in.ID, Class: "scanner", Passed: in.Passed}
	if in.Passed {
		out.Micros, out.Firmware = 1250, "1.02"
	}
	return out, nil
}
func (fakeTests) Replace(_ context.Context, _ control.Caller, in control.DeviceUnit) (control.Device, error) {
	return control.Device{ID: in.ID, Binding: in.Port, Configured: "/dev/ttyS0"}, nil
}
