//go:build vm && linux

package gpio

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/simulator"
)

// patience bounds each wait. The machine is emulated and slow.
const patience = 20 * time.Second

// sim is a simulated chip whose failure is the test's.
type sim struct {
	t    *testing.T
	chip *simulator.GPIOChip
}

// plug makes a chip of eight lines. Line n has the name LABEL-n.
func plug(t *testing.T, label string) *sim {
	t.Helper()
	chip, err := simulator.NewGPIOChip(label, 8)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = chip.Close() })
	return &sim{t, chip}
}

// live plugs the chip in or out.
func (s *sim) live(on bool) {
	s.t.Helper()
	if err := s.chip.Plug(on); err != nil {
		s.t.Fatal(err)
	}
}

// drive sets the level of an input, as a contact does.
func (s *sim) drive(line int, high bool) {
	s.t.Helper()
	if err := s.chip.Drive(line, high); err != nil {
		s.t.Fatal(err)
	}
}

// value is the level of a line.
func (s *sim) value(line int) string {
	s.t.Helper()
	high, err := s.chip.Level(line)
	if err != nil {
		s.t.Fatal(err)
	}
	if high {
		return "1"
	}
	return "0"
}

// eventually waits until it is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for began := time.Now(); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatalf("it did not come so within %v: %s", patience, what)
		}
	}
}

// stage runs a device and keeps what it says.
type stage struct {
	mu       sync.Mutex
	readings []devices.Reading // guarded by mu
	health   []devices.Health  // guarded by mu
}

func (g *stage) deps() devices.Deps {
	return devices.Deps{Log: slog.New(slog.DiscardHandler), Health: func(_ context.Context, h devices.Health) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.health = append(g.health, h)
	}}
}

func (g *stage) sink(_ context.Context, r devices.Reading) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.readings = append(g.readings, r)
	return nil
}

func (g *stage) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.readings)
}

func (g *stage) said(state devices.State) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.health) > 0 && g.health[len(g.health)-1].State == state
}

// start runs a device until stop, which waits for its end.
func (g *stage) start(t *testing.T, d devices.Device) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, g.sink) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run = %v, want nil", err)
			}
		case <-time.After(patience):
			t.Error("Run did not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

func attached(t *testing.T, d devices.Device) {
	t.Helper()
	eventually(t, string(d.Info().ID)+" is attached", func() bool { return d.Status().State == devices.Attached })
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func show(t *testing.T, o *Output, id, pattern string) {
	t.Helper()
	verb := VerbShow
	if o.Info().Class == devices.Sounder {
		verb = VerbSound
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := o.Do(ctx, devices.Command{ID: id, Verb: verb, Args: map[string]string{ArgPattern: pattern}}); err != nil {
		t.Fatalf("Do %s = %v, want nil", pattern, err)
	}
}

func TestVMButton(t *testing.T) {
	chip, g := plug(t, "panel"), &stage{}
	chip.drive(1, true)
	b := must[*Button](t)(NewButton(Config{ID: "help", Line: "gpio:PANEL-1", Debounce: 50 * time.Millisecond}, g.deps()))
	if p := b.Probe(t.Context()); p.Outcome != devices.Ready {
		t.Errorf("Probe = %+v, want ready", p)
	}
	g.start(t, b)
	attached(t, b)
	eventually(t, "health says attached", func() bool { return g.said(devices.Attached) })
	for n := 1; n <= 5; n++ {
		pressed := time.Now()
		for range 3 { // the contact bounces
			chip.drive(1, false)
			chip.drive(1, true)
		}
		chip.drive(1, false)
		eventually(t, "a reading of the press", func() bool { return g.count() >= n })
		t.Logf("press %d read after %v", n, time.Since(pressed).Round(time.Millisecond))
		chip.drive(1, true)
		time.Sleep(600 * time.Millisecond) // two presses a second are heard
	}
	if n := g.count(); n != 5 {
		t.Errorf("%d readings of 5 presses", n)
	}
	if r := g.readings[0]; r.Kind != Pressed || r.Device != "help" || r.Class != devices.Button || r.Verdict != devices.Good {
		t.Errorf("reading %+v", r)
	}
}

func TestVMPresence(t *testing.T) {
	chip, g := plug(t, "front"), &stage{}
	s := must[*Presence](t)(NewPresence(Config{ID: "front", Line: "gpio:front/2", Hold: time.Second}, g.deps()))
	g.start(t, s)
	attached(t, s)
	chip.drive(2, true)
	eventually(t, "somebody is there", func() bool { return g.count() == 1 })
	chip.drive(2, false)
	eventually(t, "nobody is there", func() bool { return g.count() == 2 })
	if g.readings[0].Kind != Present || g.readings[1].Kind != Absent {
		t.Errorf("readings %+v", g.readings)
	}
}

// levels watches a line for some time.
func (s *sim) levels(line int, d time.Duration) (changes int) {
	s.t.Helper()
	last := s.value(line)
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if now := s.value(line); now != last {
			last = now
			changes++
		}
	}
	return changes
}

func TestVMOutputs(t *testing.T) {
	chip, g := plug(t, "lights"), &stage{}
	lamp := must[*Output](t)(NewLamp(Config{ID: "lamp", Line: "gpio:lights/4"}, g.deps()))
	low := must[*Output](t)(NewLamp(Config{ID: "low", Line: "gpio:lights/5", Active: "low"}, g.deps()))
	bell := must[*Output](t)(NewSounder(Config{ID: "bell", Line: "gpio:lights/6"}, g.deps()))
	var stops []func()
	for _, o := range []*Output{lamp, low, bell} {
		stops = append(stops, g.start(t, o))
		attached(t, o)
	}
	want := func(when string, values ...string) {
		t.Helper()
		got := []string{chip.value(4), chip.value(5), chip.value(6)}
		if !slices.Equal(got, values) {
			t.Errorf("%s: lines %v, want %v", when, got, values)
		}
	}
	want("attached", "0", "1", "0")
	show(t, lamp, "1", On)
	show(t, low, "1", On)
	show(t, bell, "1", Alarm)
	want("commanded", "1", "0", "1")
	if n := chip.levels(6, 2*time.Second); n < 4 {
		t.Errorf("the alarm changed %d times in 2 s", n)
	}
	show(t, lamp, "2", Blink)
	if n := chip.levels(4, 4*time.Second); n < 4 || n > 10 {
		t.Errorf("the lamp changed %d times in 4 s of blinking, want about 8", n)
	}
	show(t, lamp, "3", On)
	show(t, bell, "2", Off)
	want("bell stopped", "1", "0", "0")
	show(t, bell, "3", "pulse-2")
	if n := chip.levels(6, 3*time.Second); n < 2 || n > 4 {
		t.Errorf("two pulses changed the line %d times after the first, want 3", n)
	}
	stops[0]()
	stops[2]()
	want("ended", "0", "0", "0") // the lamp that is off at high is still on: Run holds its line
}

// The list names chips in the way that the config does.
func TestVMChips(t *testing.T) {
	plug(t, "listed")
	for _, c := range Chips() {
		if c.Label != "listed" {
			continue
		}
		if c.Port() != "gpio:listed/LINE" || c.Lines != 8 || c.Path != "/dev/"+c.Name {
			t.Errorf("chip %+v, port %s", c, c.Port())
		}
		return
	}
	t.Errorf("Chips() = %+v, want the one that is plugged in", Chips())
}

// One line is one device's.
func TestVMLineInUse(t *testing.T) {
	plug(t, "shared")
	g := &stage{}
	first := must[*Output](t)(NewLamp(Config{ID: "first", Line: "gpio:shared/4"}, g.deps()))
	second := must[*Output](t)(NewLamp(Config{ID: "second", Line: "gpio:SHARED-4"}, g.deps()))
	g.start(t, first)
	attached(t, first)
	g.start(t, second)
	eventually(t, "the second is refused", func() bool { return strings.Contains(second.Status().Reason, "in use") })
}

// A chip that is not there is said and looked for; the rest works meanwhile, and
// when it comes and goes.
func TestVMChipAwayAndBack(t *testing.T) {
	steady := plug(t, "steady")
	steady.drive(1, true)
	away, g, other := plug(t, "away"), &stage{}, &stage{}
	away.drive(1, true)
	away.live(false)
	b := must[*Button](t)(NewButton(Config{ID: "help", Line: "gpio:away/1"}, g.deps()))
	lamp := must[*Output](t)(NewLamp(Config{ID: "lamp", Line: "gpio:away/4"}, g.deps()))
	stays := must[*Button](t)(NewButton(Config{ID: "stays", Line: "gpio:steady/1"}, other.deps()))
	g.start(t, b)
	g.start(t, lamp)
	other.start(t, stays)
	attached(t, stays)
	eventually(t, "the chip is missed", func() bool { return b.Status().State == devices.Lost && b.Status().Hint != "" })
	if err := lamp.Do(t.Context(), devices.Command{ID: "0", Verb: VerbShow, Args: map[string]string{ArgPattern: On}}); !errors.Is(err, devices.ErrAbsent) {
		t.Errorf("Do without a chip = %v, want ErrAbsent", err)
	}
	for n := 1; n <= 3; n++ {
		plugged := time.Now()
		away.live(true)
		away.drive(1, true)
		eventually(t, "button and lamp are attached", func() bool {
			return b.Status().State == devices.Attached && lamp.Status().State == devices.Attached
		})
		t.Logf("attached %v after the chip came, at %s", time.Since(plugged).Round(time.Millisecond), b.Status().Where)
		time.Sleep(time.Second)
		away.drive(1, false)
		eventually(t, "a press", func() bool { return g.count() >= n })
		away.drive(1, true)
		show(t, lamp, fmt.Sprint("on-", n), On)
		if v := away.value(4); v != "1" {
			t.Errorf("lamp %s, want 1", v)
		}
		away.live(false)
		eventually(t, "button and lamp are lost", func() bool { return b.Status().State == devices.Lost && lamp.Status().State == devices.Lost })
		if reason := b.Status().Reason; reason != "chip went away" && reason != "no such GPIO chip" {
			t.Errorf("reason %q", reason)
		}
		steady.drive(1, false)
		eventually(t, "a press of the other", func() bool { return other.count() >= n })
		steady.drive(1, true)
	}
	if c := stays.Status().Counters; c.Losses != 0 || c.Attachments != 1 {
		t.Errorf("the other chip's button: %+v, want one attachment", c)
	}
}

// TestMain is also the program that TestVMKilled kills.
func TestMain(m *testing.M) {
	line := os.Getenv("CLINICGATE_VM_LAMP")
	if line == "" {
		os.Exit(m.Run())
	}
	if before := os.Getenv("CLINICGATE_VM_BEFORE"); before != "" {
		if err := Ready(); err != nil {
			panic(err)
		}
		f, err := os.Open(before)
		if err != nil {
			panic(err)
		}
		defer f.Close()
	}
	lamp, err := NewLamp(Config{ID: "lamp", Line: line}, devices.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	go func() { _ = lamp.Run(context.Background(), nil) }()
	pattern := os.Getenv("CLINICGATE_VM_PATTERN")
	for pattern == "" {
		if st := lamp.Status(); st.State == devices.Lost {
			fmt.Println(st.Reason)
			os.Exit(0)
		}
		time.Sleep(10 * time.Millisecond)
	}
	for {
		err := lamp.Do(context.Background(), devices.Command{ID: "1", Verb: VerbShow, Args: map[string]string{ArgPattern: pattern}})
		if err == nil {
			fmt.Println("done")
			select {}
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A second name of a chip, as some Raspberry Pi systems have one, makes periph
// close file 0 of the process. There is a harmless one in its place at once, and
// the chips are not read a second time.
func TestVMChipWithTwoNames(t *testing.T) {
	chip := plug(t, "pi")
	path := ""
	for _, c := range Chips() {
		if c.Label == "pi" {
			path = c.Path
		}
	}
	if err := os.Symlink(path, "/dev/gpiochip99"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove("/dev/gpiochip99") })
	const want = "/dev/null"
	for _, before := range []string{"", "/proc/version"} { // opened after another device had periph read the machine
		cmd := child(t, "gpio:pi/3", On, "CLINICGATE_VM_BEFORE="+before)
		if v := chip.value(3); v != "1" {
			t.Errorf("lamp %s, want 1", v)
		}
		if file, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/0", cmd.Process.Pid)); err != nil || file != want {
			t.Errorf("file 0 of the process is %q, %v, want %s", file, err, want)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
}

// child runs a lamp in a process of its own until it has shown a pattern; without
// one, as nobody, until it is lost.
func child(t *testing.T, line, pattern string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Stdin = strings.NewReader("") // a pipe, to be told from what may replace it
	if pattern == "" {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	cmd.Env = append(append(os.Environ(), "CLINICGATE_VM_LAMP="+line, "CLINICGATE_VM_PATTERN="+pattern), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	want := "done"
	if pattern == "" {
		want = "no permission to use the GPIO chip"
	}
	if said, err := bufio.NewReader(out).ReadString('\n'); said != want+"\n" {
		t.Fatalf("the child said %q, %v, want %q", said, err, want)
	}
	return cmd
}

// A service without the right to the chip is told so.
func TestVMNoPermission(t *testing.T) {
	plug(t, "closed")
	child(t, "gpio:closed/3", "")
}

// A process that is killed gives its line back, and the next one begins with off.
// What the line shows in between is its driver's matter; this one's is to fall
// back to the pull.
func TestVMKilled(t *testing.T) {
	chip := plug(t, "crash")
	first := child(t, "gpio:crash/3", On)
	if v := chip.value(3); v != "1" {
		t.Fatalf("lamp %s, want 1", v)
	}
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	t.Logf("after kill -9 the line shows %s", chip.value(3))
	second := child(t, "gpio:crash/3", Off)
	if v := chip.value(3); v != "0" {
		t.Errorf("lamp %s in the next process, want 0", v)
	}
	_ = second.Process.Kill()
}
