package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"clinicgate/gateway/bundle"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/gateway/logging"
	"clinicgate/gateway/metrics"
	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

type bundleBackend struct{ *Gateway }

// Make gathers a bundle, searches it, and puts on record that it was made.
func (g bundleBackend) Make(ctx context.Context, by control.Caller, in control.BundleWanted, progress func(control.Progress)) (control.BundleMade, error) {
	const steps = 7
	done := uint64(0)
	step := func() {
		done++
		progress(control.Progress{Done: done, Total: steps, Unit: "sections"})
	}
	now := g.clock.Now().Wall
	b := bundle.Bundle{About: aboutBundle(g.cfg, g.o.Version, by.Actor.String(), now), Config: g.cfg.Shared(), Devices: g.units.list()}
	b.About.Running, b.About.Started = true, g.trusted(g.started)
	missing := func(section string, err error) {
		b.About.Missing = append(b.About.Missing, section+": "+logging.Redact(err.Error()))
	}
	b.Checks = g.checks.Run(ctx)
	for i := range b.Checks {
		b.Checks[i].Since = g.trusted(b.Checks[i].Since)
	}
	step()
	var page metrics.Page
	g.measure(ctx, &page)
	b.Metrics = page.Bytes()
	step()
	if s, err := (statusBackend{g.Gateway}).Sync(ctx, by); err != nil {
		missing("sync.json", err)
	} else {
		b.Sync = &s
	}
	step()
	if r, err := (storeBackend{g.Gateway}).Check(ctx, by, control.StoreCheck{}, func(control.Progress) {}); err != nil {
		missing("store.json", err)
	} else {
		b.Store = &r
	}
	step()
	b.Log = logLines(g.cfg.Log, missing)
	if g.o.Log != nil {
		list, _, _ := g.o.Log.Tail(logging.Query{Limit: 1 << 16, Level: slog.LevelDebug})
		b.Recent = bundle.Lines{}
		for _, e := range list {
			b.Recent = append(b.Recent, e.String())
		}
	}
	step()
	if in.Profiles {
		b.Routines, b.Heap = profile("goroutine"), profile("heap")
	}
	step()
	file, err := b.Zip(func(c *bundle.Canaries) error { return g.known(ctx, c) }, in.Without)
	step()
	outcome := kiosk.OutcomeSuccess
	if err != nil {
		outcome = kiosk.OutcomeRefused
	}
	if said := g.audit(ctx, kiosk.NewAct(by.Actor), kiosk.BundleMade, kiosk.AuditFacts{Action: "make", Outcome: outcome, Resource: string(g.self)}); said != nil {
		// Who repairs a kiosk whose store is full needs the bundle all the same.
		g.log.Error("bundle was not recorded", "error", said)
	}
	if found, ok := errors.AsType[*bundle.Found](err); ok {
		g.log.Error("a bundle was not written", "section", found.Section, "kind", string(found.Kind))
		err = &control.Error{Code: control.Found, Message: found.Error(), Next: found.Hint()}
	}
	return control.BundleMade{Name: bundleName(g.cfg, now), File: file}, err
}

// known adds the kiosk's secrets, and what it knows about people.
func (g *Gateway) known(ctx context.Context, c *bundle.Canaries) error {
	secretsOf(g.ring, g.cfg, c)
	c.Hidden([]byte(g.token.Text()))
	unread := func(err error) error {
		return hinted{fmt.Errorf("the bundle was not written: it cannot be searched for what must not be in it: %w", err), "stop the service and try again: a bundle is then made from files"}
	}
	for day := range g.roster.Days() {
		list, err := g.roster.List(ctx, day)
		if err != nil {
			return unread(err)
		}
		for _, a := range list {
			c.Person(a.Given, a.Family, a.Native)
			c.Born(a.Birth)
			c.Reference(bundle.Appointment, phi.New(string(a.ID)))
			c.Reference(bundle.Code, a.Code)
		}
		others, err := g.roster.UnlistedOn(ctx, day)
		if err != nil {
			return unread(err)
		}
		for _, u := range others {
			c.Person(u.Given, u.Family, phi.Text{})
			c.Born(u.Birth)
		}
	}
	return nil
}

// minKeyText is how long a key of 32 bytes is at least, as text.
const minKeyText = 40

// secretsOf adds the keys of a keyring and what the files of secrets hold; those
// that cannot be read are in no bundle either.
func secretsOf(ring *keyring.Ring, cfg config.Config, c *bundle.Canaries) {
	if ring != nil {
		for _, kind := range []keyring.Kind{keyring.PubNubCipher, keyring.PatientReference, keyring.Ticket} {
			for _, s := range ring.Secrets(kind) {
				c.Hidden(s.Value.Reveal())
			}
		}
		if key := ring.SigningKey(); key != nil {
			c.Hidden(key.Seed())
		}
	}
	for _, path := range []string{cfg.PubNub.TokenFile, cfg.KeySource.File} {
		text, ok := small(path)
		if text = strings.TrimSpace(text); !ok || text == "" {
			continue
		}
		c.Hidden([]byte(text))
		// A key file names its form before the key; of a passphrase no word alone is
		// the secret.
		if words := strings.Fields(text); len(words[len(words)-1]) >= minKeyText {
			c.Hidden([]byte(words[len(words)-1]))
		}
	}
	for _, path := range []string{cfg.PubNub.ProxyCredentialsFile, cfg.MQTT.BrokerCredentials} {
		if text, ok := small(path); ok {
			_, password, _ := strings.Cut(text, ":")
			c.Hidden([]byte(password))
		}
	}
}

// small reads a file of secrets.
func small(path string) (string, bool) {
	if path == "" {
		return "", false
	}
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 64<<10))
	return string(text), err == nil
}

func profile(name string) []byte {
	var b bytes.Buffer
	if err := pprof.Lookup(name).WriteTo(&b, 1); err != nil {
		return nil
	}
	return b.Bytes()
}

func aboutBundle(cfg config.Config, version, by string, now time.Time) bundle.About {
	a := bundle.About{Version: 1, Made: now, By: by, Kiosk: cfg.Kiosk.ID, Site: cfg.Kiosk.Site, Build: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if text, ok := small("/proc/sys/kernel/osrelease"); ok {
		a.Kernel = strings.TrimSpace(text)
	}
	return a
}

func bundleName(cfg config.Config, now time.Time) string {
	name := "clinicgate-bundle-"
	if cfg.Kiosk.ID != "" {
		name += cfg.Kiosk.ID + "-"
	}
	return name + now.UTC().Format("20060102T150405Z") + ".zip"
}

// logLines gives the newest lines of the log's files, or nil where there are none.
func logLines(c config.Log, missing func(string, error)) bundle.Lines {
	if c.File == "" {
		return nil
	}
	var text []byte
	for _, path := range logging.Files(c.File, c.Keep) {
		part, err := tailOf(path, bundle.MaxLog)
		if err != nil {
			missing("log.txt", err)
			continue
		}
		text = append(text, part...)
	}
	lines := bundle.Lines{}
	for line := range strings.Lines(string(text)) {
		lines = append(lines, strings.TrimRight(line, "\r\n"))
	}
	return lines
}

// tailOf reads the end of a file, from the beginning of a line.
func tailOf(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, info.Size()-limit)
	text, err := io.ReadAll(io.NewSectionReader(f, from, limit))
	if err != nil {
		return nil, err
	}
	if from > 0 {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return text, nil
}

// Offline is what a bundle is made from while no service runs, or one that hangs.
type Offline struct {
	Answer  doctor.Answer // how the service was found: NoService or Hangs
	File    string        // the config's
	Config  config.Config // zero where the file cannot be read
	Problem error         // why it cannot
	Ring    *keyring.Ring // nil where it does not open
	Sealed  error         // why it does not
	Version string
	By      string // the account
	control.BundleWanted
}

// OfflineBundle makes a bundle from files: what doctor sees from outside, settings,
// log, and a check of the store where the keyring opens.
func OfflineBundle(ctx context.Context, o Offline) (control.BundleMade, error) {
	now := time.Now()
	b := bundle.Bundle{About: aboutBundle(o.Config, o.Version, o.By, now)}
	missing := func(section string, err error) {
		b.About.Missing = append(b.About.Missing, section+": "+logging.Redact(err.Error()))
	}
	down := errors.New("no service runs")
	if o.Answer == doctor.Hangs {
		down = errors.New("the service hangs: " + string(doctor.Hangs))
	}
	live := []string{"metrics.txt", "recent.txt", "sync.json", "devices.json"}
	if o.Profiles {
		live = append(live, "goroutines.txt", "heap.txt")
	}
	for _, section := range live {
		missing(section, down)
	}
	if outside, err := NewOutside(o.File, o.Answer); err != nil {
		missing("checks.json", err)
	} else {
		defer outside.Close()
		b.Checks = outside.Run(ctx)
	}
	if o.Problem != nil {
		missing("config.json", placesOf(o.Problem))
	} else {
		b.Config = o.Config.Shared()
		b.Log = logLines(o.Config.Log, missing)
	}
	if o.Ring == nil {
		missing("store.json", fmt.Errorf("the keyring does not open: %w", o.Sealed))
	} else if r, err := storage.Check(ctx, storage.CheckOptions{Path: storeFile(o.Config), Keys: o.Ring}); err != nil {
		missing("store.json", err)
	} else {
		b.Store = &r
	}
	file, err := b.Zip(func(c *bundle.Canaries) error {
		secretsOf(o.Ring, o.Config, c)
		return nil
	}, o.Without)
	return control.BundleMade{Name: bundleName(o.Config, now), File: file}, err
}

// placesOf says where a config file is wrong, without what stands there.
func placesOf(err error) error {
	problems, ok := errors.AsType[config.Problems](err)
	if !ok {
		return errors.New("the config file cannot be read")
	}
	var places []string
	for _, p := range problems {
		places = append(places, fmt.Sprintf("line %d", p.Line))
	}
	return fmt.Errorf("the config file is wrong at %s", strings.Join(places, ", "))
}
