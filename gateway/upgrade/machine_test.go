package upgrade

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/upgrade/signature"
)

// machine is a kiosk with a service manager that starts again what ends. What a
// program does is in its file: the supervisor reads the file that is at its path, as a
// real one does.
type machine struct {
	refuses int // how often the service manager still does
	t       *testing.T
	dir     string
	program string
	key     signature.Private

	does    string // what the process that runs does; "" for none
	version string // of it
	since   time.Time
	pid     int
	started time.Time // by hand
	told    []Event
	busy    bool // a patient is at the page
	stuck   bool // the process does not stop when it is asked
}

const (
	oldProgram = "clinicgate 1.0.0 good\n"
	startTime  = 2 * time.Second // of a program that is well
)

func newMachine(t *testing.T) *machine {
	t.Helper()
	dir := t.TempDir()
	m := &machine{t: t, dir: filepath.Join(dir, "journal"), program: filepath.Join(dir, "clinicgate")}
	var err error
	if m.key, err = signature.NewPrivate(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.program, []byte(oldProgram), 0o755); err != nil {
		t.Fatal(err)
	}
	m.boot()
	time.Sleep(startTime)
	return m
}

// boot starts what is at the program's place.
func (m *machine) boot() {
	text, err := os.ReadFile(m.program)
	if err != nil {
		m.t.Errorf("there is no program at its place: %v", err)
		return
	}
	m.does = "nothing"
	if words := strings.Fields(string(text)); len(words) == 3 && words[0] == "clinicgate" {
		m.version, m.does = words[1], words[2]
	}
	m.since = time.Now()
	m.started = m.since
	m.pid++
}

func (m *machine) Start(context.Context) error {
	if m.refuses > 0 {
		m.refuses--
		return errors.New("going down")
	}
	if m.does == "" {
		m.boot()
	}
	return nil
}

func (m *machine) Stop(ctx context.Context, grace time.Duration) error {
	if m.refuses > 0 {
		m.refuses--
		return errors.New("going down")
	}
	if m.does == "hangs" {
		time.Sleep(grace)
	}
	m.does = ""
	return nil
}

// Ends counts the restarts, one each two seconds.
func (m *machine) Ends(context.Context) (int, error) {
	switch m.does {
	case "nothing", "exits":
		return int(time.Since(m.started) / (2 * time.Second)), nil
	case "crashes": // it is well for three seconds each time
		return int(time.Since(m.started) / (5 * time.Second)), nil
	}
	return 0, nil
}

func (m *machine) Look(ctx context.Context) (Sight, error) {
	s := Sight{PID: m.pid, Version: m.version, Store: true, Page: true, Idle: !m.busy, Address: "page", Devices: []string{"scanner", "printer"}}
	if time.Since(m.since) < startTime {
		return Sight{}, errors.New("not yet")
	}
	switch m.does {
	case "good", "page-dead":
	case "hangs":
		<-ctx.Done()
		return Sight{}, ctx.Err()
	case "store":
		s.Store = false
	case "page":
		s.Page = false
	case "devices":
		s.Devices = s.Devices[:1]
	case "crashes":
		if time.Since(m.started)%(5*time.Second) > 3*time.Second {
			return Sight{}, errors.New("down")
		}
		s.PID += int(time.Since(m.started) / (5 * time.Second))
	default:
		return Sight{}, errors.New("down")
	}
	return s, nil
}

func (m *machine) Tell(_ context.Context, e Event) error {
	if m.does != "good" || time.Since(m.since) < startTime {
		return errors.New("down")
	}
	m.told = append(m.told, e)
	return nil
}

func (m *machine) page(context.Context, string) error {
	if m.does != "good" && m.does != "devices" {
		return errors.New("no answer")
	}
	return nil
}

// release writes a signed archive of a program that does something.
func (m *machine) release(version, does string, change func(*signature.Release)) string {
	m.t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	text := "clinicgate " + version + " " + does + "\n"
	about := signature.Release{File: "clinicgate_" + version + "_linux_amd64.tar.gz", Version: version, Target: "linux/amd64", Store: 1}
	if change != nil {
		change(&about)
	}
	err := errors.Join(
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "clinicgate_" + version + "/LICENSE", Mode: 0o644}),
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "clinicgate_" + version + "/clinicgate", Mode: 0o755, Size: int64(len(text))}))
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	err = errors.Join(err, w.Close(), z.Close())
	path := filepath.Join(m.t.TempDir(), "clinicgate_"+version+"_linux_amd64.tar.gz")
	signed, signErr := m.key.Sign(bytes.NewReader(b.Bytes()), about)
	if err := errors.Join(err, signErr, os.WriteFile(path, b.Bytes(), 0o600), os.WriteFile(path+signature.Suffix, []byte(signed), 0o600)); err != nil {
		m.t.Fatal(err)
	}
	return path
}

func (m *machine) order(file string) Order {
	return Order{File: file, Program: m.program, By: "ada", Free: func(string) (int64, error) { return 1 << 40, nil },
		Trust: Trust{Keys: []signature.Public{m.key.Public()}, Target: "linux/amd64", Store: 1, Version: "1.0.0"}}
}

func (m *machine) plan(file string) error {
	if err := os.MkdirAll(m.dir, 0o755); err != nil {
		m.t.Fatal(err)
	}
	_, err := m.order(file).Plan(m.dir, time.Now())
	return err
}

func (m *machine) keeper() *Keeper {
	return &Keeper{Dir: m.dir, Manager: m, Service: m, Page: m.page, Log: slog.New(slog.DiscardHandler)}
}

// installed says what is at the program's place.
func (m *machine) installed() string {
	text, err := os.ReadFile(m.program)
	if err != nil {
		m.t.Errorf("there is no program at its place: %v", err)
	}
	return string(text)
}

func (m *machine) state() State {
	s, err := Load(m.dir)
	if err != nil {
		m.t.Fatal(err)
	}
	return s
}

// cutOff is what a keeper panics with where the power is cut.
type cutOff struct{}

// until runs a keeper that is cut off at its nth step. It says whether it was.
func (m *machine) until(n int) (cut bool) {
	k := m.keeper()
	steps := 0
	k.step = func(string) {
		if steps++; steps == n {
			panic(cutOff{})
		}
	}
	defer func() {
		if r := recover(); r != nil {
			if _, was := r.(cutOff); !was {
				panic(r)
			}
			cut = true
		}
	}()
	if err := k.Run(m.t.Context()); err != nil {
		m.t.Error(err)
	}
	return false
}
