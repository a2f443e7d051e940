package gateway

import (
	"context"
	"io"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"clinicgate/devices"
	"clinicgate/gateway/doctor"
	exposed "clinicgate/gateway/metrics"
	"clinicgate/kiosk/checkin"
	"clinicgate/storage"
)

// meters count what happens, for whoever scrapes them.
type meters struct {
	append     *exposed.Histogram // until it is durable
	tap        *exposed.Histogram // from a touch's request to its answer
	identified *exposed.Counters
	finished   *exposed.Counters
}

func newMeters() *meters {
	ms := time.Millisecond
	return &meters{
		append: exposed.NewHistogram(ms/2, ms, 2*ms, 5*ms, 10*ms, 20*ms, 50*ms, 100*ms, 200*ms, 500*ms, time.Second, 2*time.Second, 5*time.Second),
		tap:    exposed.NewHistogram(ms, 2*ms, 5*ms, 10*ms, 20*ms, 50*ms, 100*ms, 200*ms, 500*ms, time.Second, 2*time.Second, 5*time.Second),
		identified: exposed.NewCounters(exposed.NewSet("outcome", checkin.OK, checkin.Already, checkin.NotFound, checkin.Cancelled, checkin.WrongDay,
			checkin.WrongDepartment, checkin.NotInPerson, checkin.Closed, checkin.Early, checkin.Late, checkin.Locked, checkin.AskTime, checkin.AskPhone,
			checkin.Alike, checkin.Unreadable, checkin.OtherCard, checkin.Provisional)),
		finished: exposed.NewCounters(exposed.NewSet("outcome", "checked-in", "at-desk")),
	}
}

// The sets of what labels may say. Of devices it is the class: an id is written by a
// person, and may name one.
var (
	fateSet   = exposed.NewSet("fate", "accepted", "delivered", "quarantined", "expired", "dropped", "unreadable")
	laneSet   = exposed.NewSet("lane", storage.LaneEmergency.String(), storage.LaneQueue.String(), storage.LaneConsent.String(), storage.LaneNotification.String(), storage.LaneAudit.String(), storage.LaneTelemetry.String())
	classSet  = exposed.NewSet("class", devices.Scanner, devices.NFC, devices.Button, devices.Presence, devices.Vitals, devices.Lamp, devices.Sounder, devices.Printer, devices.Display, devices.Door)
	stateSet  = exposed.NewSet("state", devices.Stopped, devices.Waiting, devices.Attached, devices.Lost, devices.Disabled)
	reasonSet = exposed.NewSet("reason", "rules", "not-durable", "login", "too-often", "too-many", "half-open", "slow")
	waitSet   = exposed.NewSet("result", "promised", "met", "late")
)

// What the checks found is told again for a while: a scrape is no reason to touch the
// disk, and asks for no more of the network than a few connections an hour.
const (
	checksKept  = 30 * time.Second
	networkKept = 10 * time.Minute
	checksWait  = 4 * time.Second // of a scrape, for checks that are slow
)

// lastChecks is what the checks found last.
type lastChecks struct {
	mu   sync.Mutex
	at   time.Time       // guarded by mu
	all  time.Time       // guarded by mu: with those of the network
	list []doctor.Report // guarded by mu
	busy chan struct{}   // guarded by mu: closed when the run under way is over; nil: none is
}

// checked gives what the checks found lately. A run that takes its time goes on
// behind; until it is over the result before it counts.
func (g *Gateway) checked(ctx context.Context) []doctor.Report {
	l := &g.lastChecks
	l.mu.Lock()
	if l.busy == nil && (l.at.IsZero() || time.Since(l.at) > checksKept) {
		l.busy = make(chan struct{})
		go g.check(l.busy, !l.all.IsZero() && time.Since(l.all) <= networkKept)
	}
	busy := l.busy
	l.mu.Unlock()
	if busy != nil {
		wait := time.NewTimer(checksWait)
		defer wait.Stop()
		select {
		case <-busy:
		case <-wait.C:
		case <-ctx.Done():
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	list := append([]doctor.Report{}, l.list...)
	for i := range list {
		list[i].Since = g.trusted(list[i].Since)
	}
	return list
}

// check runs the checks, and keeps of those that it leaves out what was found before.
func (g *Gateway) check(done chan struct{}, offline bool) {
	defer close(done)
	found := g.checks.Look(g.running, doctor.Selection{Offline: offline})
	l := &g.lastChecks
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []doctor.Report
	for _, id := range g.checks.IDs() {
		of := func(r doctor.Report) bool { return r.ID == id }
		if i := slices.IndexFunc(found, of); i >= 0 {
			list = append(list, found[i])
		} else if i := slices.IndexFunc(l.list, of); i >= 0 {
			list = append(list, l.list[i])
		}
	}
	l.list, l.at, l.busy = list, time.Now(), nil
	if !offline {
		l.all = l.at
	}
}

// openMetrics binds where they are asked for.
func (g *Gateway) openMetrics(context.Context) (io.Closer, error) {
	if g.cfg.Metrics.Listen == "" {
		return nil, nil
	}
	s, err := exposed.Listen(g.cfg.Metrics.Listen, g.measure, g.checked)
	if err != nil {
		return nil, hinted{err, "if another program uses the port, stop it or set metrics.listen"}
	}
	g.metrics = s
	return closer(func() error { _ = s.Close(); return nil }), nil // Run has closed it already
}

func (g *Gateway) runMetrics(ctx context.Context) error {
	if g.metrics == nil {
		<-ctx.Done()
		return nil
	}
	return g.metrics.Run(ctx)
}

// metricsAddr is where the metrics are, or empty.
func (g *Gateway) metricsAddr() string {
	if g.metrics == nil {
		return ""
	}
	return g.metrics.Addr()
}

// measure writes every metric of the service.
func (g *Gateway) measure(ctx context.Context, p *exposed.Page) {
	now := g.clock.Now().Wall
	p.Gauges("clinicgate_build_info", "1, with the version and the compiler of this build.",
		labelled(1, exposed.NewSet("version", g.o.Version).Of(g.o.Version), exposed.NewSet("go", runtime.Version()).Of(runtime.Version())))
	p.Gauge("clinicgate_start_time_seconds", "When the service started, in Unix time.", unixTime(g.trusted(g.started)))
	g.measureStore(p, now)
	g.measureSync(p, now)
	g.measureClinic(p, now)
	g.measureDevices(p)
	g.measureChecks(ctx, p)
	g.measureProcess(p)
}

func labelled(v float64, labels ...exposed.Label) exposed.Row {
	return exposed.Row{Value: v, Labels: labels}
}

func unixTime(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// since is how long ago t was, 0 for never.
func since(t, now time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return max(0, now.Sub(t).Seconds())
}

func (g *Gateway) measureStore(p *exposed.Page, now time.Time) {
	st := g.store.Status()
	p.Counters("clinicgate_events_total", "Events of this kiosk since its store was made, by what became of them; accepted is their sum with those queued.",
		labelled(float64(st.Accepted), fateSet.Of("accepted")), labelled(float64(st.Delivered), fateSet.Of("delivered")),
		labelled(float64(st.Quarantined), fateSet.Of("quarantined")), labelled(float64(st.Expired), fateSet.Of("expired")),
		labelled(float64(st.Dropped), fateSet.Of("dropped")), labelled(float64(st.Unreadable), fateSet.Of("unreadable")))
	type lane struct {
		queued uint64
		oldest time.Time
	}
	lanes := map[storage.Lane]lane{}
	for _, s := range g.store.Streams() {
		l := lanes[s.Lane]
		l.queued += s.Queued
		if s.Queued > 0 && (l.oldest.IsZero() || s.Oldest.Before(l.oldest)) {
			l.oldest = s.Oldest
		}
		lanes[s.Lane] = l
	}
	var depth, age []exposed.Row
	for l := storage.LaneEmergency; l <= storage.LaneTelemetry; l++ {
		depth = append(depth, labelled(float64(lanes[l].queued), laneSet.Of(l.String())))
		age = append(age, labelled(since(lanes[l].oldest, now), laneSet.Of(l.String())))
	}
	p.Gauges("clinicgate_queued_events", "Events that wait for PubNub, by urgency.", depth...)
	p.Gauges("clinicgate_queued_oldest_age_seconds", "How long ago the oldest waiting event was made, 0 for none.", age...)
	p.Histogram("clinicgate_append_seconds", "From the request to write events until they are on disk.", g.meters.append)
	p.Gauge("clinicgate_store_used_bytes", "Bytes in use in the store, blobs included.", float64(st.Used))
	p.Gauge("clinicgate_store_file_bytes", "Length of the store's file.", float64(st.Length))
	p.Gauge("clinicgate_store_budget_bytes", "What the store may become, from the config.", float64(g.cfg.Storage.Budget.Bytes))
	p.Counter("clinicgate_store_commits_total", "Commits of the store since it was made.", float64(st.Commits))
	p.Gauge("clinicgate_store_fenced", "1 while the store refuses to write because its file is being checked.", truth(st.Fenced))
	p.Counter("clinicgate_store_fences_total", "Times that happened since the start.", float64(st.Fences))
	p.Counter("clinicgate_store_salvages_total", "Salvages of the store's file, ever.", float64(st.Salvages))
	p.Counter("clinicgate_store_lost_records_total", "Records that no salvage could read, ever.", float64(st.Lost))
	p.Gauge("clinicgate_audit_records", "Records of the running audit log.", float64(st.AuditSize))
	p.Gauge("clinicgate_audit_checkpoint_age_seconds", "How long ago the newest checkpoint was signed, 0 for none.", since(st.CheckpointAt, now))
	if free, err := exposed.Free(g.cfg.Storage.Dir); err == nil {
		p.Gauge("clinicgate_disk_free_bytes", "What the service may still fill of the disk that the store is on.", float64(free))
	}
}

func (g *Gateway) measureSync(p *exposed.Page, now time.Time) {
	up, _ := g.client.Link()
	u, t := g.uplink.Status(), g.token.Status()
	p.Gauge("clinicgate_pubnub_up", "1 while PubNub answers.", truth(up))
	p.Counter("clinicgate_publish_requests_total", "Requests to publish since the start.", float64(u.Requests))
	p.Gauge("clinicgate_publish_blocked_streams", "Channels that wait after a refusal.", float64(len(u.Blocked)))
	if !u.LastAccept.IsZero() {
		p.Gauge("clinicgate_publish_last_age_seconds", "How long ago PubNub last took an event; absent when it took none since the start.", time.Since(u.LastAccept).Seconds())
	}
	if t.Needed {
		left := 0.0
		if t.Held {
			left = t.Expires.Sub(now).Seconds()
		}
		p.Gauge("clinicgate_token_left_seconds", "How long the access token is still good, below 0 when it has ended, 0 when there is none; absent where none is needed.", left)
	}
	offset, trusted := g.clock.Offset()
	p.Gauge("clinicgate_clock_trusted", "1 when a trusted source has told the time since the machine started.", truth(trusted))
	p.Gauge("clinicgate_clock_offset_seconds", "How far the machine's clock was off at the service's start, as far as it is known.", offset.Seconds())
}

func (g *Gateway) measureClinic(p *exposed.Page, now time.Time) {
	p.Counters("clinicgate_identifications_total", "Codes, cards and persons looked up on the page since the start, by outcome.", g.meters.identified.Rows()...)
	p.Counters("clinicgate_checkins_total", "Check-ins finished on the page since the start, by how they ended.", g.meters.finished.Rows()...)
	p.Histogram("clinicgate_tap_seconds", "From a touch's request to the page's answer.", g.meters.tap)
	p.Gauge("clinicgate_queue_open", "Entries of today's queue that are open.", float64(g.queue.Open()))
	p.Gauge("clinicgate_queue_unfinished", "People who were identified and whose check-in nobody goes on with.", float64(len(g.checkin.Unfinished())))
	p.Gauge("clinicgate_help_active", "Calls for help that nobody acknowledged.", float64(len(g.checkin.ActiveHelp())))
	waits := g.queue.Accuracy(g.queue.Today())
	p.Gauges("clinicgate_waits", "Today's promised waits: judged, called in time, called more than ten minutes late.",
		labelled(float64(waits.Promised), waitSet.Of("promised")), labelled(float64(waits.Met), waitSet.Of("met")), labelled(float64(waits.Late), waitSet.Of("late")))
	var day string
	var rows int
	var changed time.Time
	for d, held := range g.roster.Days() {
		if string(d) > day {
			day, rows, changed = string(d), held.Rows, time.Time{}
			if held.Changed != 0 {
				changed = held.Changed.Time()
			}
		}
	}
	p.Gauge("clinicgate_roster_appointments", "Appointments of the newest day held.", float64(rows))
	if !changed.IsZero() {
		p.Gauge("clinicgate_roster_age_seconds", "How long ago the newest day's list last changed; absent where there is none.", since(changed, now))
	}
	held, _ := g.folder.state()
	p.Gauge("clinicgate_roster_held_lists", "Lists of the watched folder that wait for a person.", float64(held))
	p.Gauge("clinicgate_page_open", "1 while a browser holds the check-in page.", truth(g.web.Launched()))
}

func (g *Gateway) measureDevices(p *exposed.Page) {
	type key struct{ class, state string }
	count := map[key]float64{}
	for _, d := range g.devices.Status() {
		count[key{string(d.Class), string(d.State)}]++
	}
	var rows []exposed.Row
	for _, class := range []devices.Class{devices.Scanner, devices.NFC, devices.Button, devices.Presence, devices.Vitals, devices.Lamp, devices.Sounder, devices.Printer, devices.Display, devices.Door} {
		for _, state := range []devices.State{devices.Attached, devices.Waiting, devices.Lost, devices.Stopped, devices.Disabled} {
			if n := count[key{string(class), string(state)}]; n > 0 || state == devices.Attached {
				rows = append(rows, labelled(n, classSet.Of(string(class)), stateSet.Of(string(state))))
			}
		}
	}
	p.Gauges("clinicgate_devices", "Configured devices by class and state.", rows...)
	b := g.broker.Status()
	p.Gauge("clinicgate_mqtt_connections", "Clients of the embedded broker.", float64(b.Connected))
	p.Counter("clinicgate_mqtt_messages_total", "Messages of the embedded broker's clients that are durable, since the start.", float64(b.Accepted))
	p.Counter("clinicgate_mqtt_unread_total", "Messages of the embedded broker's clients that no device's form reads, since the start; they were acknowledged.", float64(b.Unread))
	p.Counters("clinicgate_mqtt_refused_total", "What the embedded broker refused since the start: messages (rules, not-durable) and connections.",
		labelled(float64(b.Refused), reasonSet.Of("rules")), labelled(float64(b.Failed), reasonSet.Of("not-durable")), labelled(float64(b.Logins), reasonSet.Of("login")),
		labelled(float64(b.TooOften), reasonSet.Of("too-often")), labelled(float64(b.TurnedOff), reasonSet.Of("too-many")),
		labelled(float64(b.HalfOpen), reasonSet.Of("half-open")), labelled(float64(b.Slow), reasonSet.Of("slow")))
	if g.remote != nil {
		p.Gauge("clinicgate_mqtt_broker_up", "1 while the external broker serves; absent where none is configured.", truth(g.brokerStatus().Connected))
	}
}

func (g *Gateway) measureChecks(ctx context.Context, p *exposed.Page) {
	reports := g.checked(ctx)
	value := map[doctor.State]float64{doctor.OK: 0, doctor.Skipped: -1, doctor.Warn: 1, doctor.Fail: 2}
	var ids []string
	for _, r := range reports {
		ids = append(ids, r.ID)
	}
	set := exposed.NewSet("check", ids...)
	var rows []exposed.Row
	for _, r := range reports {
		rows = append(rows, labelled(value[r.State], set.Of(r.ID)))
	}
	p.Gauges("clinicgate_check", "What doctor's checks found: 0 ok, 1 warning, 2 failure, -1 not looked at.", rows...)
}

func (g *Gateway) measureProcess(p *exposed.Page) {
	samples := []metrics.Sample{{Name: "/sched/goroutines:goroutines"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/gc/cycles/total:gc-cycles"}}
	metrics.Read(samples)
	p.Gauge("go_goroutines", "Goroutines.", float64(samples[0].Value.Uint64()))
	p.Gauge("go_heap_objects_bytes", "Memory of objects on the heap.", float64(samples[1].Value.Uint64()))
	p.Gauge("go_memory_bytes", "Memory that Go's runtime has mapped.", float64(samples[2].Value.Uint64()))
	p.Counter("go_gc_cycles_total", "Garbage collections.", float64(samples[3].Value.Uint64()))
	this := exposed.This()
	if this.Resident >= 0 {
		p.Gauge("process_resident_memory_bytes", "Memory of the process in RAM.", float64(this.Resident))
	}
	if this.Files >= 0 {
		p.Gauge("process_open_fds", "Open files.", float64(this.Files))
	}
	if this.Written >= 0 {
		p.Counter("clinicgate_disk_written_bytes_total", "Bytes that the service made the system write to disks since it started: what wears flash.", float64(this.Written))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
