//go:build e2e

package nfc_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/nfc"
	"clinicgate/devices/simulator"
)

// realService is pcscd with the virtual reader of vsmartcard-vpcd, on a socket and
// a TCP port of its own. It needs the packages pcscd and vsmartcard-vpcd. pcscd has
// the path of its socket built in, so it runs where another folder covers /run.
type realService struct {
	t       *testing.T
	dir     string
	port    int
	process *exec.Cmd
	output  bytes.Buffer
	ended   chan struct{}

	lift context.CancelFunc // takes the card away
	held chan error
}

func newRealService(t *testing.T) *realService {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // two ports in a row: the reader has two slots
	if err != nil {
		t.Fatal(err)
	}
	s := &realService{t: t, dir: t.TempDir(), port: l.Addr().(*net.TCPAddr).Port}
	_ = l.Close()
	for _, dir := range []string{"run/pcscd", "conf"} {
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	conf := fmt.Sprintf("FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:0x%04X\nLIBPATH %s\nCHANNELID 0x%04X\n",
		s.port, "/usr/lib/pcsc/drivers/serial/libifdvpcd.so", s.port)
	if err := os.WriteFile(filepath.Join(s.dir, "conf", "vpcd"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Plug()
	t.Cleanup(s.Unplug)
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if r, err := nfc.New(nfc.Config{ID: "first", Port: "pcsc:", Socket: s.socket()}, devices.Deps{Log: slog.New(slog.DiscardHandler)}); err != nil {
			t.Fatal(err)
		} else if p := r.Probe(t.Context()); p.Outcome == devices.Ready {
			return s
		} else if time.Now().After(end) {
			t.Fatalf("pcscd does not come up: %+v; %s", p, s.output.String())
		}
	}
}

func (s *realService) socket() string { return filepath.Join(s.dir, "run", "pcscd", "pcscd.comm") }

// Plug starts pcscd, and with it the reader.
func (s *realService) Plug() {
	s.t.Helper()
	s.process = exec.Command("unshare", "--map-root-user", "--mount", "sh", "-c",
		`mount --bind "$1" /run && exec pcscd --foreground --config "$2"`, "sh",
		filepath.Join(s.dir, "run"), filepath.Join(s.dir, "conf"))
	s.output.Reset()
	s.process.Stdout, s.process.Stderr = &s.output, &s.output
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		s.t.Fatalf("%v: install util-linux, pcscd and vsmartcard-vpcd", err)
	}
	process, ended := s.process, make(chan struct{})
	s.ended = ended
	go func() { _ = process.Wait(); close(ended) }()
}

// Unplug ends pcscd, and with it the reader.
func (s *realService) Unplug() {
	if s.lift != nil {
		s.Lift()
	}
	_ = s.process.Process.Kill()
	<-s.ended
}

// Place holds a card to the virtual reader.
func (s *realService) Place(card *simulator.Card) {
	ctx, cancel := context.WithCancel(context.Background())
	s.lift, s.held = cancel, make(chan error, 1)
	go func() {
		for { // until the reader listens
			err := simulator.Hold(ctx, fmt.Sprintf("127.0.0.1:%d", s.port), card)
			if ctx.Err() != nil {
				s.held <- nil
				return
			}
			s.t.Logf("card: %v", err)
			time.Sleep(50 * time.Millisecond)
		}
	}()
}

// Lift takes it away, and waits until pcscd, which looks after a card every 400 ms, has
// seen so. It may have ended by then.
func (s *realService) Lift() {
	s.lift()
	<-s.held
	s.lift = nil
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		there, err := nfc.CardThere(s.socket())
		if err == nil && !there {
			return
		}
		select {
		case <-s.ended:
			return
		default:
		}
		if time.Now().After(end) {
			s.t.Errorf("the card is still there for pcscd: %v", err)
			return
		}
	}
}

func TestE2ERealService(t *testing.T) {
	s := newRealService(t)
	defer func() {
		if t.Failed() {
			t.Logf("pcscd: %s", s.output.String())
		}
	}()
	c := start(t, s, nfc.Config{Port: "pcsc:Virtual PCD", Socket: s.socket()})
	c.tapAround()
	if st := c.nfc.Status(); st.State != devices.Attached || st.Firmware != "" { // the virtual driver knows no such attribute
		t.Errorf("after its version was asked for: %+v", st)
	}
	r, err := nfc.New(nfc.Config{ID: "other", Port: "pcsc:", Socket: s.socket()}, devices.Deps{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if p := r.Probe(t.Context()); p.Outcome != devices.Ready || !strings.HasPrefix(p.Where, "Virtual PCD") {
		t.Errorf("Probe of the only reader = %+v", p)
	}
}
