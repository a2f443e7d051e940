package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/mqtt"
	"clinicgate/devices/scanner"
	"clinicgate/gateway/bridge"
	"clinicgate/gateway/clock"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/gateway/exchange"
	"clinicgate/gateway/logging"
	"clinicgate/gateway/metrics"
	"clinicgate/gateway/mirror"
	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/token"
	"clinicgate/gateway/uplink"
	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/desk"
	"clinicgate/kiosk/web/diag"
	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

// Options are what the process around the gateway decides.
type Options struct {
	Logger *slog.Logger
	// Log is where Logger's lines go, for `log level` and `log tail`; may be nil.
	Log *logging.Log
	// Version names the build.
	Version string
	// ConfigFile is where the settings came from; empty: from nowhere that could
	// have changed since.
	ConfigFile string
	// VerifyChild is the command line of a process of ours that calls
	// storage.RunVerifyChild. Empty: the store is verified in this process, which
	// a damaged file can kill.
	VerifyChild []string
	// Repairing is told how much of a damaged store was read, and then of the new
	// one that takes its place; may be nil.
	Repairing func(done, total int64)
	// Ready is called once everything serves.
	Ready func(Addresses)
	// Pulse watches whether the process still does its work.
	Pulse Pulse
}

// PartError is a part that ended while the others ran: the process ends with it, so
// that the service manager notices.
type PartError struct {
	Part string
	Err  error
}

func (e *PartError) Error() string { return e.Part + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *PartError) Unwrap() error { return e.Err }

// Addresses are where the parts listen, with the ports that the system chose.
type Addresses struct {
	Page    string
	Board   string // empty when there is no listener of its own
	Desk    string // where the desk's browsers go; empty when it is off
	MQTT    string // empty when there is no broker
	Control string
	Metrics string // empty without metrics.listen
}

// Gateway is everything of one kiosk. Make it with New; Run it once.
type Gateway struct {
	cfg         config.Config
	o           Options
	log         *slog.Logger
	self        kiosk.KioskID
	departments []kiosk.DepartmentID
	journal     kiosk.Journal
	started     time.Time
	running     context.Context // set by Run before anything else

	source       keyring.Source // one for the life of the process: a passphrase may come once only
	ring         *keyring.Ring
	keys         *keys
	changingKeys sync.Mutex // held from the note of a change until it is on record
	clock        *clock.Clock
	store        *storage.Store
	opened       storage.Opened
	recovered    uint32              // the life that is yet to be settled, or 0
	found        string              // what opening the store had to repair, in words
	changed      chan storage.Opened // a store that was recovered while running
	queue        *queue.Queue
	consents     *consent.Service
	roster       *roster.Roster
	folder       *rosterFolder
	checkin      *checkin.Service
	client       *pubnub.Client
	token        *token.File
	uplink       *uplink.Uplink
	down         downlinks
	mirror       *mirror.Mirror
	web          *web.Server
	desk         *desk.Server // nil when it is off
	diag         *diag.Server
	broker       *bridge.Broker
	stations     stations
	remote       *bridge.Client     // the external broker; nil where there is none
	exchange     *exchange.Exchange // with the site's kiosks; nil where it is off
	station      *mqtt.Station
	watched      *observatory

	commandsDue chan struct{}  // rings runCommands
	tellers     sync.WaitGroup // parts that may have something to end at devices
	brokerBack  chan struct{}  // rings runHealth
	linkBack    atomic.Pointer[time.Time]
	devices     *devices.Set
	units       *units
	backups     backups
	dead        predecessors
	wedge       *scanner.Page    // what the check-in page captures, also where none is configured
	tickets     *tickets         // nil without a printer
	channel     *control.Channel // one for the life of the process
	control     *control.Server
	checks      *doctor.Registry
	probes      atomic.Uint64 // commits of doctor's page-commit
	lastChecks  lastChecks
	glasses     glasses
	asked       sync.Once // of the service manager
	again       *int      // how often it started this service again; nil: not known
	meters      *meters
	metrics     *metrics.Server         // nil without metrics.listen
	madeFrom    []byte                  // fingerprint of the keys that the clinic's parts were made from
	stop        context.CancelCauseFunc // ends the run; set by supervise
}

const (
	storeDeadline = 10 * time.Second
	// stopDeadline bounds a stop: parts that have not ended by then are left.
	stopDeadline = 4 * time.Second
	// lastWords is how long within it the brokers wait for who ends what devices do.
	lastWords = 3 * time.Second
	heartbeat = 20 * time.Second
)

// errReload ends a run that begins again with other keys.
var errReload = errors.New("the clinic's keys changed")

// Run opens everything, serves until ctx ends or a part fails, and closes. The
// error has a hint where a person can do something about it.
func Run(ctx context.Context, cfg config.Config, o Options) error {
	recoveries, found := 0, ""
	source := cfg.KeySource.Source()
	channel := &control.Channel{}
	defer func() { _ = channel.Close() }() // the process ends
	for {
		err := run(ctx, cfg, o, source, channel, found)
		var r recoveredError
		switch {
		case ctx.Err() != nil:
			return err
		case errors.Is(err, errReload):
			o.Logger.Info("the clinic's keys changed; everything starts again with them")
			found = ""
		case errors.As(err, &r) && recoveries < maxRecoveries:
			o.Logger.Error("everything starts again with what was recovered", "cause", err)
			_ = channel.Close() // that may take long: nobody waits for it
			channel = &control.Channel{}
			recoveries++
			found = r.found
		default:
			return err
		}
		if o.Pulse.Pause != nil {
			o.Pulse.Pause()
		}
	}
}

// reload ends this run after who asked for it, and for anything else until now, has
// the answer.
func (g *Gateway) reload() {
	go func() {
		g.control.Leave(g.running)
		g.stop(errReload)
	}()
}

// newGateway is a gateway of which nothing is open yet.
func newGateway(ctx context.Context, cfg config.Config, o Options, source keyring.Source) *Gateway {
	g := &Gateway{cfg: cfg, o: o, source: source, log: o.Logger, changed: make(chan storage.Opened, 1), commandsDue: make(chan struct{}, 1), brokerBack: make(chan struct{}, 1), self: kiosk.KioskID(cfg.Kiosk.ID), started: time.Now(), running: ctx, meters: newMeters(),
		journal: kiosk.Journal{Organization: kiosk.OrganizationID(cfg.Kiosk.Organization)}}
	for _, d := range cfg.Departments {
		g.departments = append(g.departments, kiosk.DepartmentID(d.ID))
	}
	return g
}

func run(ctx context.Context, cfg config.Config, o Options, source keyring.Source, channel *control.Channel, found string) error {
	g := newGateway(ctx, cfg, o, source)
	g.channel, g.found = channel, found
	var closers []func() error
	defer func() {
		for i := len(closers) - 1; i >= 0; i-- {
			if err := closers[i](); err != nil {
				g.log.Error("cannot close cleanly", "error", err)
			}
		}
	}()
	for _, step := range []func(context.Context) (io.Closer, error){
		g.openKeys, g.openStore, g.openClinic, g.openPubNub, g.openPredecessors, g.openDevices, g.openSite, g.openPage, g.openChecks, g.openDesk, g.openMetrics, g.openControl,
	} {
		c, err := step(ctx)
		if c != nil {
			closers = append(closers, c.Close)
		}
		if err != nil {
			return err
		}
	}
	if err := g.says(ctx, kiosk.ServiceStarted); errors.Is(err, storage.ErrFull) {
		g.log.Error("the store is full: patients are sent to the desk until there is space", "hint", "restore the connection to PubNub, or raise storage.budget")
	} else if err != nil {
		return fmt.Errorf("cannot record the start: %w", err)
	}
	if err := g.settleLife(ctx); err != nil {
		return err
	}
	if err := g.sayRestored(ctx); err != nil {
		return err
	}
	if err := g.sayGlassesEnded(ctx); err != nil && !errors.Is(err, storage.ErrFull) {
		return fmt.Errorf("cannot record the end of roles that were taken: %w", err)
	}
	if err := g.sayMeanwhile(ctx); errors.Is(err, storage.ErrFull) {
		g.log.Error("what was done while no service ran is not on record yet: the store is full")
	} else if err != nil {
		return fmt.Errorf("cannot record what was done while no service ran: %w", err)
	}
	if err := g.sayChanges(ctx); errors.Is(err, storage.ErrFull) {
		g.log.Error("changes of the config are not on record: the store is full")
	} else if err != nil {
		return fmt.Errorf("cannot record changes of the config: %w", err)
	}
	err := g.supervise(ctx)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeDeadline)
	defer cancel()
	if said := g.says(stop, kiosk.ServiceStopped); said != nil {
		g.log.Error("cannot record the stop", "error", said)
	}
	return err
}

// part is one thing that runs.
type part struct {
	name string
	run  func(context.Context) error
}

func (g *Gateway) parts() []part {
	return []part{
		{"store", g.store.Run},
		{"recovery", g.runRecovery},
		{"pulse", g.runPulse},
		{"queue", g.queue.Run},
		{"check-in", g.checkin.Run},
		{"clock", g.runClock},
		{"token", func(ctx context.Context) error { return g.token.Run(ctx, g.uplink.TokenRefreshed) }},
		{"uplink", g.uplink.Run},
		{"downlink", g.runDownlink},
		{"link", g.runLink},
		{"mirror", g.runMirror},
		{"page", g.web.Run},
		{"desk", g.runDesk},
		{"diagnostics", g.diag.Run},
		{"broker", g.outlasting(g.broker.Run)},
		{"vitals", g.runVitals},
		{"external broker", g.outlasting(g.runRemote)},
		{"commands", g.telling(g.runCommands)},
		{"device health", g.runHealth},
		{"exchange", g.runSite},
		{"devices", func(ctx context.Context) error { return g.devices.Run(ctx, g.observed) }},
		{"signals", g.telling(g.runSignals)},
		{"page scanner", g.readPage},
		{"tickets", g.runTickets},
		{"displays", g.runDisplays},
		{"control", g.control.Run},
		{"metrics", g.runMetrics},
		{"heartbeat", g.runHeartbeat},
		{"roster folder", g.folder.run},
		{"backup", g.runBackup},
		{"break-glass", g.runGlasses},
		{"checks", g.runChecks},
		{"predecessors", g.runPredecessors},
	}
}

// telling is a part that ends at its end what devices do: a door that is open.
func (g *Gateway) telling(run func(context.Context) error) func(context.Context) error {
	g.tellers.Add(1)
	return func(ctx context.Context) error {
		defer g.tellers.Done()
		return run(ctx)
	}
}

// outlasting is a part that goes on after ctx until those that are telling have ended,
// or lastWords.
func (g *Gateway) outlasting(run func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		own, end := context.WithCancel(context.WithoutCancel(ctx))
		defer end()
		defer context.AfterFunc(ctx, func() {
			told := make(chan struct{})
			go func() { g.tellers.Wait(); close(told) }()
			select {
			case <-told:
			case <-time.After(lastWords):
			}
			end()
		})()
		return run(own)
	}
}

// supervise runs every part until ctx ends. A part that ends before that ends
// all, with its name.
func (g *Gateway) supervise(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	g.running, g.stop = ctx, cancel
	var wg sync.WaitGroup
	for _, p := range g.parts() {
		wg.Go(func() {
			err := g.contained(ctx, p)
			if ctx.Err() != nil && err == nil {
				return
			}
			if err == nil {
				err = errors.New("ended by itself")
			}
			cancel(&PartError{p.name, err})
		})
	}
	g.log.Info("gateway runs", "kiosk", string(g.self), "page", g.web.Addr(), "created", g.opened.Created, "clean", g.opened.Clean)
	if g.o.Ready != nil {
		g.o.Ready(Addresses{Page: g.web.Addr(), Board: g.web.BoardAddr(), Desk: g.deskURL(), MQTT: g.broker.Addr(), Control: g.cfg.Control.Path, Metrics: g.metricsAddr()})
	}
	<-ctx.Done()
	ended := make(chan struct{})
	go func() { wg.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(stopDeadline):
		g.log.Error("a part did not stop in time")
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// says writes an audit event about the service itself.
func (g *Gateway) says(ctx context.Context, t kiosk.AuditType) error {
	act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorSystem, ID: "service"})
	return g.audit(ctx, act, t, kiosk.AuditFacts{Action: "process", Resource: string(g.self)})
}

func (g *Gateway) audit(ctx context.Context, act kiosk.Act, t kiosk.AuditType, f kiosk.AuditFacts) error {
	return g.store.Update(ctx, func(tx *storage.Tx) error { return g.journal.Audit(tx, act, t, f) })
}

// runHeartbeat tells the other kiosks that this one lives: the timers of its
// entries are its own while it does. Who looks after many kiosks reads there how it is.
func (g *Gateway) runHeartbeat(ctx context.Context) error {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		state, failing := said(g.checks.Last())
		err := g.store.Update(ctx, func(tx *storage.Tx) error {
			_, now := tx.Now()
			act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorKiosk, ID: string(g.self)})
			_, err := g.journal.Record(tx, act, kiosk.What{Kind: "device/HEARTBEAT", Channel: kiosk.DeviceChannel(g.self),
				Body: kiosk.Heartbeat{Type: "HEARTBEAT", Timestamp: kiosk.At(now.Wall), State: state, Failing: failing}, Facts: kiosk.AuditFacts{Resource: string(g.self)}})
			return err
		})
		if err != nil && ctx.Err() == nil {
			g.log.Warn("heartbeat was not recorded", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// closer makes a function an io.Closer.
type closer func() error

func (c closer) Close() error { return c() }

// hinted is an error with a next step.
type hinted struct {
	error
	next string
}

// Hint tells a person what to do.
func (h hinted) Hint() string { return h.next }

// Unwrap gives the error itself.
func (h hinted) Unwrap() error { return h.error }
