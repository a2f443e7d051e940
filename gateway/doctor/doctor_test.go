package doctor_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"clinicgate/devices"
	"clinicgate/gateway/config"
	"clinicgate/gateway/doctor"
	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

func fixed(id string, state doctor.State, dependsOn ...string) doctor.Check {
	return doctor.Check{ID: id, DependsOn: dependsOn, Run: func(context.Context) doctor.Result {
		return doctor.Result{State: state, Detail: "is " + string(state)}
	}}
}

func registry(t *testing.T, checks ...doctor.Check) *doctor.Registry {
	t.Helper()
	r, err := doctor.New(checks...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// One cause is shown once: what depends on it, however far, names it.
func TestDependencies(t *testing.T) {
	r := registry(t,
		fixed("root", doctor.Fail), fixed("other", doctor.OK), fixed("soft", doctor.Warn),
		fixed("child", doctor.OK, "other", "root"), fixed("grandchild", doctor.Fail, "child"),
		fixed("healthy", doctor.OK, "other", "soft"))
	var got []string
	for _, report := range r.Run(t.Context()) {
		got = append(got, report.ID+" "+string(report.State)+" "+report.Because)
	}
	want := []string{"root fail ", "other ok ", "soft warn ", "child skipped root", "grandchild skipped root", "healthy ok "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

// What depends on a warning is looked at all the same; finding no worse, it is a
// consequence, and finding worse, a cause of its own.
func TestWarningsFold(t *testing.T) {
	r := registry(t, fixed("soft", doctor.Warn), fixed("middle", doctor.Warn, "soft"), fixed("fine", doctor.OK, "middle"), fixed("worse", doctor.Fail, "middle"), fixed("last", doctor.Warn, "middle"))
	var got []string
	reports := r.Run(t.Context())
	for _, report := range reports {
		got = append(got, report.ID+" "+string(report.State)+" "+report.Because)
	}
	want := []string{"soft warn ", "middle warn soft", "fine ok ", "worse fail ", "last warn soft"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	roots := doctor.Roots(reports)
	if len(roots) != 2 || roots[0].ID != "worse" || roots[1].ID != "soft" || doctor.Folded(reports, "soft") != 2 {
		t.Errorf("causes %+v", roots)
	}
}

// A run of some checks runs no other, and tells each as it is there.
func TestSelection(t *testing.T) {
	online := fixed("net", doctor.Fail)
	online.Online = true
	r := registry(t, fixed("a", doctor.OK), online, fixed("b", doctor.OK, "net"))
	for _, c := range []struct {
		name string
		s    doctor.Selection
		want string
	}{
		{"all", doctor.Selection{}, "a,net,b because net"},
		{"offline", doctor.Selection{Offline: true}, "a,b"},
		{"only", doctor.Selection{Only: []string{"b"}}, "b"},
		{"skip", doctor.Selection{Skip: []string{"a", "net"}}, "b"},
	} {
		told := 0
		c.s.Each = func(doctor.Report) { told++ }
		var got []string
		for _, report := range r.Look(t.Context(), c.s) {
			text := report.ID
			if report.Because != "" {
				text += " because " + report.Because
			}
			got = append(got, text)
		}
		if strings.Join(got, ",") != c.want || told != len(got) {
			t.Errorf("%s: %v, told %d", c.name, got, told)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for name, checks := range map[string][]doctor.Check{
		"no kebab":      {fixed("Store_Open", doctor.OK)},
		"twice":         {fixed("a", doctor.OK), fixed("a", doctor.OK)},
		"unknown cause": {fixed("a", doctor.OK, "b")},
		"later cause":   {fixed("a", doctor.OK, "b"), fixed("b", doctor.OK)},
		"itself":        {fixed("a", doctor.OK, "a")},
		"no function":   {{ID: "a"}},
	} {
		if _, err := doctor.New(checks...); err == nil {
			t.Errorf("%s: New took it", name)
		}
	}
}

// A check that hangs or panics delays and breaks no other, and is not started
// again while it hangs.
func TestBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var started atomic.Int32
		release := make(chan struct{})
		r := registry(t,
			doctor.Check{ID: "hangs", Run: func(context.Context) doctor.Result {
				started.Add(1)
				<-release
				return doctor.Result{State: doctor.OK}
			}},
			doctor.Check{ID: "slow", Run: func(ctx context.Context) doctor.Result {
				<-ctx.Done()
				return doctor.Result{State: doctor.Warn, Detail: "no answer"}
			}},
			doctor.Check{ID: "breaks", Run: func(context.Context) doctor.Result { panic("Wanda-Canary") }},
			fixed("fine", doctor.OK))
		began := time.Now()
		first := r.Run(t.Context())
		if took := time.Since(began); took > 12*time.Second {
			t.Errorf("a run took %v", took)
		}
		for i, want := range []doctor.State{doctor.Fail, doctor.Warn, doctor.Fail, doctor.OK} {
			if first[i].State != want || (want == doctor.Fail) != (first[i].Hint != "") {
				t.Errorf("%+v, want %s", first[i], want)
			}
		}
		if strings.Contains(first[2].Detail, "Canary") {
			t.Errorf("a panic's value is shown: %s", first[2].Detail)
		}
		r.Run(t.Context())
		if n := started.Load(); n != 1 {
			t.Errorf("a check that hangs was started %d times", n)
		}
		close(release)
		synctest.Wait()
		if third := r.Run(t.Context()); third[0].State != doctor.OK || started.Load() != 2 {
			t.Errorf("after it let go: %+v, started %d times", third[0], started.Load())
		}
	})
}

func TestTotalBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var checks []doctor.Check
		for id := range 100 {
			checks = append(checks, doctor.Check{ID: fmt.Sprintf("c%d", id), Run: func(ctx context.Context) doctor.Result {
				<-ctx.Done()
				return doctor.Result{State: doctor.Fail}
			}})
		}
		began := time.Now()
		reports := registry(t, checks...).Run(t.Context())
		if took := time.Since(began); took > 61*time.Second {
			t.Errorf("a run took %v", took)
		}
		left := 0
		for _, r := range reports {
			if r.State == doctor.Skipped {
				left++
			}
		}
		if left == 0 || left > 50 {
			t.Errorf("%d of 100 checks were skipped for lack of time", left)
		}
	})
}

func TestSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := doctor.Fail
		r := registry(t, doctor.Check{ID: "a", Run: func(context.Context) doctor.Result { return doctor.Result{State: state} }})
		began := r.Run(t.Context())[0].Since
		time.Sleep(time.Hour)
		if got := r.Run(t.Context())[0].Since; !got.Equal(began) || began.IsZero() {
			t.Errorf("failing since %v, then since %v", began, got)
		}
		state = doctor.OK
		if got := r.Run(t.Context())[0].Since; !got.IsZero() {
			t.Errorf("healthy since %v", got)
		}
		state = doctor.Warn
		if got := r.Run(t.Context())[0].Since; !got.After(began) {
			t.Errorf("failing again since %v", got)
		}
	})
}

func TestWorst(t *testing.T) {
	if w := doctor.Worst([]doctor.Report{{State: doctor.Skipped}, {State: doctor.Warn}, {State: doctor.OK}}); w != doctor.Warn {
		t.Errorf("worst of skipped, warn, ok = %s", w)
	}
	if w := doctor.Worst(nil); w != doctor.OK {
		t.Errorf("worst of nothing = %s", w)
	}
}

type clock struct {
	synced bool
	off    time.Duration
}

func (c clock) Now() storage.Instant          { return storage.Instant{Synced: c.synced} }
func (c clock) Offset() (time.Duration, bool) { return c.off, c.synced }

// wall is a clock that was right at the start.
type wall struct{ at time.Time }

func (w wall) Now() storage.Instant          { return storage.Instant{Wall: w.at} }
func (w wall) Offset() (time.Duration, bool) { return 0, true }

// row is a check, and what it has to find.
type row struct {
	name  string
	check doctor.Check
	want  doctor.State
}

// checkRows are checks, each healthy and with its faults, on inputs that are made up.
func checkRows() []row {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	at := func() time.Time { return now }
	status := func(s storage.Status) func() storage.Status { return func() storage.Status { return s } }
	counts := func(c storage.Counts) func() storage.Status { return status(storage.Status{Counts: c}) }
	space := func(used int64) func() doctor.Space {
		return func() doctor.Space { return doctor.Space{Used: used, Budget: 1000} }
	}
	backlog := func(online bool, queued uint64, age time.Duration) func() doctor.Backlog {
		return func() doctor.Backlog { return doctor.Backlog{Online: online, Queued: queued, Oldest: now.Add(-age)} }
	}
	access := func(a doctor.Access) func() doctor.Access { return func() doctor.Access { return a } }
	list := func(d ...devices.Status) func() []devices.Status { return func() []devices.Status { return d } }
	days := func(newest, today string) func() (string, string) {
		return func() (string, string) { return newest, today }
	}
	site := func(s doctor.Site) func() doctor.Site { return func() doctor.Site { return s } }
	set := func(yes bool) func() bool { return func() bool { return yes } }

	broker := func(b doctor.Broker) func() doctor.Broker { return func() doctor.Broker { return b } }
	listener := func(l doctor.Listener) func() doctor.Listener { return func() doctor.Listener { return l } }
	battery := func(percent int) func() []devices.Status {
		return list(devices.Status{Info: devices.Info{ID: "front"}, State: devices.Attached, Battery: &percent})
	}
	spoke := func(ago time.Duration) func() []devices.Status {
		return list(devices.Status{Info: devices.Info{ID: "front"}, State: devices.Attached, Heard: time.Now().Add(-ago)})
	}
	committed := func(err error) func(context.Context) error {
		return func(context.Context) error { return err }
	}
	cuts := func(n int) func() doctor.Cuts {
		return func() doctor.Cuts { return doctor.Cuts{Known: true, Recent: n, Last: now} }
	}
	known := func(yes bool) func() (bool, bool) { return func() (bool, bool) { return yes, true } }
	of := func(used, limit uint64) func() (uint64, uint64, bool) {
		return func() (uint64, uint64, bool) { return used, limit, true }
	}
	nowhere := func() string { return "127.0.0.1:9" }
	return []row{
		{"nobody unknown", doctor.ControlRoles(func() []string { return nil }), doctor.OK},
		{"a group that is not there", doctor.ControlRoles(func() []string { return []string{"group:desk"} }), doctor.Warn},
		{"no battery", doctor.DeviceBattery(list(devices.Status{State: devices.Attached})), doctor.Skipped},
		{"battery", doctor.DeviceBattery(battery(21)), doctor.OK},
		{"battery nearly empty", doctor.DeviceBattery(battery(20)), doctor.Warn},
		{"nothing on MQTT", doctor.DevicesSilent(list(devices.Status{State: devices.Attached})), doctor.Skipped},
		{"a device on MQTT", doctor.DevicesSilent(spoke(24 * time.Hour)), doctor.OK},
		{"a device on MQTT is silent", doctor.DevicesSilent(spoke(26 * time.Hour)), doctor.Warn},
		{"a check-in is kept", doctor.PageCommit(committed(nil)), doctor.OK},
		{"a check-in is not kept", doctor.PageCommit(committed(errors.New("store: it hangs"))), doctor.Fail},
		{"the page does not answer", doctor.PageUp(nowhere), doctor.Fail},
		{"a page for everybody", doctor.PageLoopback(func() string { return "0.0.0.0:8470" }), doctor.Fail},
		{"a page for this machine", doctor.PageLoopback(nowhere), doctor.OK},
		{"no browser yet", doctor.PageBrowser(set(false), time.Now()), doctor.Skipped},
		{"no browser", doctor.PageBrowser(set(false), time.Now().Add(-time.Hour)), doctor.Warn},
		{"no MQTT broker answers", doctor.MQTTLocal(nowhere), doctor.Fail},
		{"memory", doctor.Memory(of(69, 100)), doctor.OK},
		{"much memory", doctor.Memory(of(70, 100)), doctor.Warn},
		{"nearly no memory", doctor.Memory(of(90, 100)), doctor.Fail},
		{"files", doctor.Files(of(69, 100)), doctor.OK},
		{"many files", doctor.Files(of(70, 100)), doctor.Warn},
		{"nearly no files", doctor.Files(of(90, 100)), doctor.Fail},
		{"nobody killed", doctor.Killed(cuts(0), true), doctor.OK},
		{"killed", doctor.Killed(cuts(1), true), doctor.Warn},
		{"kills are not counted", doctor.Killed(cuts(0), false), doctor.Skipped},
		{"never cut", doctor.Reboots(cuts(0)), doctor.OK},
		{"awake", doctor.Sleep(known(false)), doctor.OK},
		{"asleep", doctor.Sleep(known(true)), doctor.Warn},
		{"a restart is due", doctor.Pending(known(true)), doctor.Info},
		{"its letter alone", doctor.TicketLetter(func() string { return "" }), doctor.OK},
		{"a letter twice", doctor.TicketLetter(func() string { return "lobby-2" }), doctor.Fail},
		{"a wearing disk", doctor.Wear(func() (int64, bool) { return 40 << 30, true }, time.Now().Add(-24*time.Hour)), doctor.Warn},
		{"a resting disk", doctor.Wear(func() (int64, bool) { return 1 << 30, true }, time.Now().Add(-24*time.Hour)), doctor.OK},
		{"the clinic's zone", doctor.ClockZone(time.FixedZone("A", 3600), time.FixedZone("B", 3600), at), doctor.OK},
		{"another zone", doctor.ClockZone(time.FixedZone("A", 3600), time.FixedZone("B", 7200), at), doctor.Warn},
		{"nobody set the clock", doctor.ClockJump(wall{at: now}, at), doctor.OK},
		{"the clock was set", doctor.ClockJump(wall{at: now}, func() time.Time { return now.Add(time.Hour) }), doctor.Warn},
		{"no network card", doctor.NetLink(doctor.Way{Origin: "192.0.2.1"}, func() ([]net.Interface, error) { return nil, nil }), doctor.Fail},
		{"no right to a device", doctor.DeviceRights(list(devices.Status{State: devices.Lost, Reason: "no permission to open it"})), doctor.Warn},
		{"a device in use", doctor.DevicesBusy(list(devices.Status{State: devices.Lost, Reason: "port is in use by another program"})), doctor.Warn},
		{"a button is stuck", doctor.DeviceTrouble(list(devices.Status{State: devices.Lost, Reason: "button is stuck"})), doctor.Warn},
		{"the log's level", doctor.LogLevel(func() string { return "" }, "info"), doctor.OK},
		{"the log at debug", doctor.LogLevel(func() string { return "DEBUG" }, "info"), doctor.Warn},

		{"tpm", doctor.KeySource(keyring.StrengthHardware, "", "/data"), doctor.OK},
		{"passphrase by descriptor", doctor.KeySource(keyring.StrengthPassphrase, "", "/data"), doctor.OK},
		{"passphrase file", doctor.KeySource(keyring.StrengthPassphrase, "/etc/p", "/data"), doctor.Warn},
		{"passphrase file beside the data", doctor.KeySource(keyring.StrengthPassphrase, "/data/p", "/data"), doctor.Fail},
		{"key file", doctor.KeySource(keyring.StrengthFile, "/media/k", "/data"), doctor.Fail},
		{"recovered", doctor.KeySource(keyring.StrengthRecovery, "", "/data"), doctor.Fail},
		{"recovery set", doctor.RecoveryKey(set(true)), doctor.OK},
		{"no recovery", doctor.RecoveryKey(set(false)), doctor.Warn},

		{"trusted", doctor.ClockTrust(clock{synced: true}), doctor.OK},
		{"untrusted", doctor.ClockTrust(clock{}), doctor.Warn},
		{"clock right", doctor.ClockOffset(clock{true, time.Second}), doctor.OK},
		{"clock off", doctor.ClockOffset(clock{true, -3 * time.Second}), doctor.Warn},
		{"clock wrong", doctor.ClockOffset(clock{true, -365 * 24 * time.Hour}), doctor.Fail},
		{"clock unknown", doctor.ClockOffset(clock{}), doctor.Skipped},

		{"open", doctor.StoreOpen(status(storage.Status{})), doctor.OK},
		{"fenced", doctor.StoreOpen(status(storage.Status{Fenced: true})), doctor.Fail},
		{"space", doctor.StoreSpace(space(699)), doctor.OK},
		{"little space", doctor.StoreSpace(space(700)), doctor.Warn},
		{"no space", doctor.StoreSpace(space(970)), doctor.Fail},
		{"no budget", doctor.StoreSpace(func() doctor.Space { return doctor.Space{} }), doctor.Skipped},
		{"balanced", doctor.LossEquation(counts(storage.Counts{Accepted: 3, Delivered: 2, Queued: 1})), doctor.OK},
		{"one missing", doctor.LossEquation(counts(storage.Counts{Accepted: 4, Delivered: 2, Queued: 1})), doctor.Fail},
		{"no losses", doctor.StoreLosses(counts(storage.Counts{Accepted: 1, Delivered: 1})), doctor.OK},
		{"quarantined", doctor.StoreLosses(counts(storage.Counts{Quarantined: 1})), doctor.Warn},
		{"dropped", doctor.StoreLosses(counts(storage.Counts{Dropped: 1})), doctor.Warn},
		{"unreadable", doctor.StoreLosses(counts(storage.Counts{Unreadable: 1})), doctor.Fail},
		{"sink", doctor.AuditSink(true), doctor.OK},
		{"no sink", doctor.AuditSink(false), doctor.Info},
		{"roster of today", doctor.Roster(days("2026-11-22", "2026-11-22")), doctor.OK},
		{"roster of yesterday", doctor.Roster(days("2026-11-21", "2026-11-22")), doctor.Warn},
		{"no roster", doctor.Roster(days("", "2026-11-22")), doctor.Warn},
		{"no list held", doctor.RosterHeld(func() (int, string) { return 0, "" }), doctor.OK},
		{"a list held", doctor.RosterHeld(func() (int, string) { return 1, "1 shrunk" }), doctor.Warn},
		{"no folder", doctor.RosterHeld(func() (int, string) { return 0, "the folder cannot be read" }), doctor.Fail},

		{"online", doctor.SyncLink(backlog(true, 0, 0)), doctor.OK},
		{"offline", doctor.SyncLink(backlog(false, 0, 0)), doctor.Warn},
		{"nothing waits", doctor.SyncBacklog(backlog(true, 0, 0), at), doctor.OK},
		{"just queued", doctor.SyncBacklog(backlog(true, 5, time.Minute), at), doctor.OK},
		{"made in the future", doctor.SyncBacklog(backlog(true, 5, -time.Hour), at), doctor.OK},
		{"offline for hours", doctor.SyncBacklog(backlog(false, 5, 5*time.Hour), at), doctor.OK},
		{"offline for days", doctor.SyncBacklog(backlog(false, 5, 50*time.Hour), at), doctor.Warn},
		{"stands still", doctor.SyncBacklog(func() doctor.Backlog {
			return doctor.Backlog{Online: true, Queued: 5, Oldest: now.Add(-time.Hour), Quiet: now.Add(-4 * time.Minute)}
		}, at), doctor.Fail},
		{"just back", doctor.SyncBacklog(func() doctor.Backlog {
			return doctor.Backlog{Online: true, Queued: 5, Oldest: now.Add(-time.Hour), Quiet: now.Add(-time.Minute)}
		}, at), doctor.OK},
		{"stuck", doctor.SyncBacklog(backlog(true, 5, 2*time.Hour), at), doctor.Warn},
		{"stuck for days", doctor.SyncBacklog(backlog(true, 5, 50*time.Hour), at), doctor.Fail},
		{"no exchange", doctor.SiteExchange(site(doctor.Site{})), doctor.Skipped},
		{"exchange", doctor.SiteExchange(site(doctor.Site{On: true, Connected: true, Others: 2, Heard: 2})), doctor.OK},
		{"a kiosk is silent", doctor.SiteExchange(site(doctor.Site{On: true, Connected: true, Others: 2, Heard: 1})), doctor.Warn},
		{"no other kiosk", doctor.SiteExchange(site(doctor.Site{On: true, Connected: true})), doctor.Warn},
		{"no broker", doctor.SiteExchange(site(doctor.Site{On: true, Others: 2, Reason: "refused"})), doctor.Warn},
		{"no token needed", doctor.Token(access(doctor.Access{}), at), doctor.Skipped},
		{"token", doctor.Token(access(doctor.Access{Needed: true, Held: true, Expires: now.Add(time.Hour)}), at), doctor.OK},
		{"token soon over", doctor.Token(access(doctor.Access{Needed: true, Held: true, Expires: now.Add(time.Minute)}), at), doctor.Warn},
		{"token over", doctor.Token(access(doctor.Access{Needed: true, Held: true, Expires: now, Expired: true}), at), doctor.Fail},
		{"no token", doctor.Token(access(doctor.Access{Needed: true}), at), doctor.Fail},
		{"bad token file", doctor.Token(access(doctor.Access{Needed: true, Problem: errors.New("empty")}), at), doctor.Fail},
		{"bad new token", doctor.Token(access(doctor.Access{Needed: true, Held: true, Expires: now.Add(time.Hour), Problem: errors.New("empty")}), at), doctor.Warn},
		{"unsigned off", doctor.UnsignedSenders(config.UnsignedOff, false), doctor.OK},
		{"unsigned bound", doctor.UnsignedSenders(config.UnsignedBound, true), doctor.OK},
		{"unsigned unbound", doctor.UnsignedSenders(config.UnsignedBound, false), doctor.Fail},

		{"no devices", doctor.DevicesThere(list()), doctor.Skipped},
		{"devices", doctor.DevicesThere(list(devices.Status{State: devices.Attached}, devices.Status{State: devices.Disabled})), doctor.OK},
		{"device lost", doctor.DevicesThere(list(devices.Status{Info: devices.Info{ID: "front"}, State: devices.Lost, Reason: "no such device"})), doctor.Warn},
		{"no embedded broker", doctor.MQTTClients(listener(doctor.Listener{})), doctor.Skipped},
		{"MQTT clients", doctor.MQTTClients(listener(doctor.Listener{On: true, Connected: 2})), doctor.OK},
		{"MQTT clients refused long ago", doctor.MQTTClients(listener(doctor.Listener{On: true, Logins: 2, Last: time.Now().Add(-2 * time.Hour)})), doctor.OK},
		{"MQTT clients refused", doctor.MQTTClients(listener(doctor.Listener{On: true, Logins: 2, Last: time.Now()})), doctor.Warn},
		{"no external broker", doctor.MQTTBroker(broker(doctor.Broker{})), doctor.Skipped},
		{"external broker", doctor.MQTTBroker(broker(doctor.Broker{Configured: true, Connected: true})), doctor.OK},
		{"external broker serves in part", doctor.MQTTBroker(broker(doctor.Broker{Configured: true, Connected: true, Reason: "it does not let", Hint: "give"})), doctor.Warn},
		{"external broker restarts", doctor.MQTTBroker(broker(doctor.Broker{Configured: true, Since: time.Now(), Reason: "x"})), doctor.OK},
		{"external broker away", doctor.MQTTBroker(broker(doctor.Broker{Configured: true, Since: time.Now().Add(-time.Hour), Reason: "the broker cannot be reached"})), doctor.Warn},
	}
}

// Each check, healthy and with each of its faults. What is not healthy has a hint.
func TestChecks(t *testing.T) {
	for _, c := range checkRows() {
		t.Run(c.name, func(t *testing.T) {
			got := c.check.Run(t.Context())
			bad := got.State == doctor.Warn || got.State == doctor.Fail
			if got.State != c.want || got.Detail == "" || bad != (got.Hint != "") {
				t.Errorf("%s: %+v, want %s, a detail, and a hint where something is wrong", c.check.ID, got, c.want)
			}
		})
	}
}
