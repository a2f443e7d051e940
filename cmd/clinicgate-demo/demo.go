package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"clinicgate/devices/simulator"
	"clinicgate/gateway/control"
	"clinicgate/gateway/pubnub"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/kiosk"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/wire"
)

// demo is everything that runs.
type demo struct {
	o        options
	dir      string
	out      io.Writer
	settings settings
	cipher   string
	secret   string
	maker    ed25519.PrivateKey // signs appointment codes, as the clinic's own server does
	refKey   []byte

	clinic   *clinic
	pubnub   *emulator.Emulator
	origin   net.Listener // of pubnub
	net      *network
	hardware *hardware
	child    *child
	panel    *panel
	ledger   *ledger
	staff    []*staffApp
	patients *patients
	ready    *readyFile
	running  context.Context

	mu      sync.Mutex
	status  int    // what PubNub answers; 0: normally
	limit   string // "normal" or "exhausted"
	codes   []code // unused ones
	kioskPK string
}

const (
	publishKey   = "pub-demo"
	subscribeKey = "sub-demo"
	patientsDay  = 60
	spareCodes   = 24 // never fewer unused codes than this
	usualPanel   = 8472
)

func demonstrate(ctx context.Context, o options, stdout, stderr io.Writer) error {
	d := &demo{o: o, out: stderr, limit: "normal", ready: &readyFile{path: o.readyFile}}
	if err := d.prepare(); err != nil {
		return err
	}
	if o.dir == "" {
		defer os.RemoveAll(d.dir)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d.running = ctx
	var wg sync.WaitGroup
	start := func(name string, run func(context.Context) error) {
		wg.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	start("PubNub double", d.servePubNub)
	start("network", d.net.run)
	for name, run := range d.hardware.parts() {
		start(name, run)
	}
	start("gateway", d.child.run)
	start("panel", d.panel.run)
	if err := d.firstDay(ctx); err != nil {
		cancel(err)
		wg.Wait()
		return err
	}
	for _, a := range d.staff {
		start("provider", a.run)
	}
	start("patients", d.patients.run)
	start("days", d.turnDays)
	d.announce()
	d.greet(stdout)
	<-ctx.Done()
	wg.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// prepare makes files and keys and binds every port, before anything runs.
func (d *demo) prepare() (err error) {
	if d.dir = d.o.dir; d.dir == "" {
		d.dir, err = os.MkdirTemp("", "clinicgate-demo-")
	} else if d.dir, err = filepath.Abs(d.dir); err == nil {
		err = os.MkdirAll(d.dir, 0o700)
	}
	if err != nil {
		return fmt.Errorf("cannot use the demo's folder: %w", err)
	}
	if d.o.gateway == "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		d.o.gateway = filepath.Join(filepath.Dir(self), "clinicgate")
		if runtime.GOOS == "windows" {
			d.o.gateway += ".exe"
		}
	}
	if _, err := os.Stat(d.o.gateway); err != nil {
		return fmt.Errorf("the gateway's program is not there (%s): build it with `make build`", d.o.gateway)
	}
	zone := "America/New_York"
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return err
	}
	calendar := kiosk.Calendar{Zone: loc, DayStarts: dayStarts(time.Now().In(loc))}
	d.clinic = newClinic(d.o.seed, calendar)
	d.cipher, d.secret, d.refKey = randomText(24), randomText(18), randomBytes(32)
	if _, d.maker, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return err
	}
	d.pubnub = emulator.New(emulator.Options{PublishKey: publishKey, SubscribeKey: subscribeKey, RequestLimit: 200})
	cipher, err := pubnub.NewCipher([]pubnub.CipherKey{{ID: "demo", Key: []byte(d.cipher)}}, nil)
	if err != nil {
		return err
	}
	d.ledger = newLedger(cipher)
	d.pubnub.Tap(d.ledger.see)
	if d.origin, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	if d.net, err = newNetwork(d.origin.Addr().String()); err != nil {
		return err
	}
	for _, p := range providers {
		client, err := pubnub.New(pubnub.Config{Origin: d.origin.Addr().String(), Insecure: true, PublishKey: publishKey, SubscribeKey: subscribeKey, UserID: p.id})
		if err != nil {
			return err
		}
		a := &staffApp{who: p, client: client, cipher: cipher, log: slog.New(slog.DiscardHandler)}
		if d.o.auto > 0 {
			a.pace = 2 * time.Second
		}
		d.staff = append(d.staff, a)
	}
	// Who holds the panel's usual port has the other usual ports too: two demos
	// that start together do not both find them free.
	panelListener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(usualPanel))
	first := err == nil
	if !first {
		if panelListener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return err
		}
	}
	port := func(usual int) string {
		if address := "127.0.0.1:" + strconv.Itoa(usual); first && free(address) {
			return address
		}
		// None of the system's own choice: somebody's connection could take it before
		// the gateway listens there.
		address, none := simulator.FreeAddress()
		if none != nil {
			err = none
		}
		return address
	}
	d.settings = settings{
		zone: zone, dayStarts: calendar.DayStarts, origin: d.net.addr(), dataDir: filepath.Join(d.dir, "data"), controlPath: controlPath(d.dir),
		passphrase: filepath.Join(d.dir, "passphrase"), publishKey: publishKey, subscribeKey: subscribeKey,
		web: port(8470), board: port(8471), desk: port(8473), mqtt: port(1883), budget: d.o.dataLimit,
	}
	if err != nil {
		return err
	}
	if d.hardware, err = newHardware(d.dir, d.settings.mqtt, func(format string, args ...any) { fmt.Fprintf(d.out, format, args...) }); err != nil {
		return err
	}
	if err := os.WriteFile(d.settings.passphrase, []byte(randomText(24)+"\n"), 0o600); err != nil {
		return err
	}
	d.child = &child{binary: d.o.gateway, config: filepath.Join(d.dir, "clinicgate.toml"), out: d.out, moved: d.announce}
	if err := d.writeConfig(); err != nil {
		return err
	}
	d.panel = &panel{listener: panelListener, secret: d.secret, demo: d}
	d.patients = newPatients(d)
	return d.initKeys()
}

func (d *demo) servePubNub(ctx context.Context) error {
	srv := &http.Server{Handler: d.pubnub, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { d.pubnub.Close(); _ = srv.Close() })
	defer stop()
	if err := srv.Serve(d.origin); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (d *demo) writeConfig() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return os.WriteFile(d.child.config, configTOML(d.settings, d.hardware), 0o600)
}

// initKeys makes the keyring the way an operator does, unless an earlier run in
// the same folder did.
func (d *demo) initKeys() error {
	if _, err := os.Stat(filepath.Join(d.settings.dataDir, "keyring.a")); err == nil {
		return errors.New("the folder holds an earlier demo: name another with --dir, or remove it")
	}
	out, err := exec.Command(d.o.gateway, "keys", "init", "--config", d.child.config).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot make the keyring: %w\n%s", err, out)
	}
	return nil
}

// dial waits until the gateway answers on its control channel.
func (d *demo) dial(ctx context.Context) (*control.Client, error) {
	for {
		c, err := control.Dial(ctx, d.settings.controlPath)
		if err == nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.New("the gateway does not answer")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// firstDay gives the fresh gateway the clinic's keys and today's appointments.
func (d *demo) firstDay(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := d.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	secret := func(kind, id string, value []byte) map[string]string {
		return map[string]string{"kind": kind, "id": id, "value": base64.StdEncoding.EncodeToString(value)}
	}
	pub := d.maker.Public().(ed25519.PublicKey)
	keys := []map[string]string{
		{"kind": "pubnub-cipher", "id": "demo", "value": d.cipher},
		secret("patient-reference", "demo", d.refKey),
		secret("ticket", "demo", randomBytes(32)),
		secret("appointment-code", wire.KeyID(pub), pub),
	}
	text, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	ring, err := c.KeyImport(ctx, control.KeyImport{Secrets: text})
	if err != nil {
		return fmt.Errorf("cannot import keys: %w", err)
	}
	d.ledger.trust(ring.Public)
	d.mu.Lock()
	d.kioskPK = base64.StdEncoding.EncodeToString(ring.Public)
	d.mu.Unlock()
	if err := d.admit(ctx, patientsDay); err != nil {
		return err
	}
	return nil
}

// admit puts n more fictional appointments on the roster and makes their codes.
func (d *demo) admit(ctx context.Context, n int) error {
	d.mu.Lock()
	list := d.clinic.appointments(n, time.Now())
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := d.importRoster(ctx, rosterCSV(list))
		if err == nil {
			break
		}
		// The gateway may be starting again just now; the same file again is harmless.
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
	codes, err := d.codesOf(list)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.codes = append(d.codes, codes...)
	d.mu.Unlock()
	d.announce()
	return nil
}

// turnDays makes appointments when a new clinic day begins: the codes of the day
// before are good for nothing then.
func (d *demo) turnDays(ctx context.Context) error {
	for day := d.clinic.calendar.Day(time.Now()); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(10 * time.Second):
		}
		today := d.clinic.calendar.Day(time.Now())
		if today == day {
			continue
		}
		d.mu.Lock()
		d.codes = nil
		d.mu.Unlock()
		if err := d.admit(ctx, patientsDay); err != nil {
			fmt.Fprintln(d.out, "the new day has no appointments yet:", err)
			continue
		}
		day = today
	}
}

func (d *demo) importRoster(ctx context.Context, csv []byte) error {
	c, err := d.dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	in, err := c.RosterImport(ctx, control.RosterImport{List: csv})
	if err != nil {
		return fmt.Errorf("cannot import the roster: %w", err)
	}
	if len(in.Rejected) > 0 {
		return fmt.Errorf("the roster was not taken whole: line %d: %s", in.Rejected[0].Line, in.Rejected[0].Reason)
	}
	return nil
}

// next takes an unused code and sees to it that there are always some. While the
// gateway takes no roster, its store being full, say, the spare ones are used.
func (d *demo) next(ctx context.Context) (code, error) {
	d.mu.Lock()
	few := len(d.codes) <= spareCodes
	d.mu.Unlock()
	var err error
	if few {
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		err = d.admit(ctx, patientsDay)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.codes) == 0 {
		return code{}, errors.Join(errors.New("no unused code"), err)
	}
	// The newest first: the oldest ones are in the ready file, for others to use.
	c := d.codes[len(d.codes)-1]
	d.codes = d.codes[:len(d.codes)-1]
	return c, nil
}

// giveBack takes a code that nobody could check in with.
func (d *demo) giveBack(c code) {
	d.mu.Lock()
	d.codes = append(d.codes, c)
	d.mu.Unlock()
	d.announce()
}

// launch asks for a fresh address of the check-in page.
func (d *demo) launch(ctx context.Context) (string, error) {
	c, err := d.dial(ctx)
	if err != nil {
		return "", err
	}
	defer c.Close()
	l, err := c.Launch(ctx, control.Launch{})
	return l.URL, err
}

// announce rewrites the ready file.
func (d *demo) announce() {
	if d.panel == nil {
		return
	}
	d.mu.Lock()
	s := d.settings
	r := ready{
		Kiosk: d.panel.url() + "/kiosk", Board: "http://" + s.board + "/board", Desk: "https://" + s.desk + "/", Panel: d.panel.url(), ActionHeader: d.secret,
		PubNub: readyPubNub{Origin: d.origin.Addr().String(), PublishKey: publishKey, SubscribeKey: subscribeKey, CipherKey: d.cipher},
		MQTT:   s.mqtt, Organization: organization, KioskID: kioskID, DataDir: s.dataDir, ControlPath: s.controlPath, Config: d.child.config,
		Codes: append([]code(nil), d.codes[:min(len(d.codes), 40)]...), GatewayPid: d.child.pid(), KioskKey: d.kioskPK,
	}
	d.mu.Unlock()
	for _, dep := range departments {
		r.Departments = append(r.Departments, dep.id)
	}
	for _, p := range providers {
		r.PubNub.Providers = append(r.PubNub.Providers, readyProvider{ID: p.id, Department: p.department})
	}
	if d.hardware.scanner != nil {
		r.Scanner = d.hardware.scanner.Input()
	}
	if len(r.Codes) == 0 {
		return // not ready yet
	}
	if err := d.ready.write(r); err != nil {
		fmt.Fprintln(d.out, err)
	}
}

func (d *demo) greet(w io.Writer) {
	d.mu.Lock()
	example := d.codes[0].Typed
	d.mu.Unlock()
	fmt.Fprintf(w, `
The demo clinic is open. Nobody in it exists.

  control panel   %s
  check-in page   %s/kiosk
  board           http://%s/board
  desk            https://%s (press Desk on the panel for the way in)
  PubNub double   %s  (publish key %s, subscribe key %s)
  MQTT broker     %s
  data            %s

Scan a code on the panel, or type one at the kiosk, for example %s.
Ctrl-C ends it.
`, d.panel.url(), d.panel.url(), d.settings.board, d.settings.desk, d.origin.Addr(), publishKey, subscribeKey, d.settings.mqtt, d.settings.dataDir, example)
}

func (d *demo) codesOf(list []appointment) (codes []code, err error) {
	maker := roster.Maker{Site: site, RefKey: d.refKey, Key: d.maker}
	for _, a := range list {
		day := d.clinic.calendar.Day(a.start)
		qr, err := maker.QR(kiosk.AppointmentID(a.id), day)
		if err != nil {
			return nil, fmt.Errorf("cannot make a code: %w", err)
		}
		codes = append(codes, code{Scan: qr + "\r", Typed: roster.TypedCode(d.refKey, kiosk.AppointmentID(a.id), day), who: a})
	}
	return codes, nil
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return b
}

func randomText(n int) string { return hex.EncodeToString(randomBytes(n)) }

// free tells whether nobody listens at an address.
func free(address string) bool {
	l, err := net.Listen("tcp", address)
	if err == nil {
		_ = l.Close()
	}
	return err == nil
}

func controlPath(dir string) string {
	if runtime.GOOS == "windows" {
		return `\\.\pipe\clinicgate-demo-` + filepath.Base(dir)
	}
	return filepath.Join(dir, "control", "sock")
}
