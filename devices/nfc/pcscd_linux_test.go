package nfc_test

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"testing"

	"clinicgate/devices"
	"clinicgate/devices/nfc"
	"clinicgate/devices/simulator"
)

// pcscd runs a pretended service.
func pcscd(t *testing.T, path string) *simulator.PCSCD {
	t.Helper()
	p, err := simulator.NewPCSCD(path, "Simulated Reader")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("simulator: %v", err)
		}
	})
	return p
}

func TestPCSC(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "pcscd.comm")
	c := start(t, pcscd(t, socket), nfc.Config{Port: "pcsc:Simulated Reader", Socket: socket})
	c.tapAround()
	if got := c.nfc.Status().Firmware; got != "2.14" {
		t.Errorf("the reader's version is %q, want 2.14", got)
	}
}

func TestServiceRestart(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "pcscd.comm")
	p := pcscd(t, socket)
	c := start(t, p, nfc.Config{Port: "pcsc:", Socket: socket})
	c.wantHealth(devices.Attached)
	p.Drop()
	c.wantHealth(devices.Lost)
	c.wantHealth(devices.Attached)
	p.Place(simulator.NewTextTag(seven(), code))
	c.want(nfc.NDEFText, devices.Good, code)
}

// service answers each connection with the given bytes, and then with nothing more.
func service(t *testing.T, answers ...[]byte) (socket string) {
	t.Helper()
	return serviceInPieces(t, 64<<10, answers...)
}

// serviceInPieces gives them so many at a time.
func serviceInPieces(t *testing.T, piece int, answers ...[]byte) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "pcscd.comm")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for i := 0; ; i++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if i < len(answers) {
				for b := range slices.Chunk(answers[i], piece) {
					_, _ = conn.Write(b)
				}
				if c, ok := conn.(*net.UnixConn); ok {
					_ = c.CloseWrite()
				}
				_, _ = io.Copy(io.Discard, conn)
			}
			_ = conn.Close()
		}
	}()
	return socket
}

func words(list ...uint32) (b []byte) {
	for _, w := range list {
		b = binary.NativeEndian.AppendUint32(b, w)
	}
	return b
}

// TestAnswersInPieces: however the socket parts the service's answers, they are the
// same.
func TestAnswersInPieces(t *testing.T) {
	table := make([]byte, 16*184)
	copy(table, "ACS ACR122U 00 00")
	for _, piece := range []int{1, 3, 12, 183, 1000} {
		got := nfc.Readers(serviceInPieces(t, piece, append(words(4, 4, 0, 2, 1, 0), table...)))
		if len(got) != 1 || got[0].Port != "pcsc:ACS ACR122U" {
			t.Errorf("%d bytes at a time: %+v", piece, got)
		}
	}
}

func TestPCSCProbe(t *testing.T) {
	dir := t.TempDir()
	p := pcscd(t, filepath.Join(dir, "pcscd.comm"))
	for _, tt := range []struct {
		name, port, socket string
		outcome            devices.Outcome
		reason             string
	}{
		{"by name", "pcsc:simulated reader", filepath.Join(dir, "pcscd.comm"), devices.Ready, "answers"},
		{"the only one", "pcsc:", filepath.Join(dir, "pcscd.comm"), devices.Ready, "answers"},
		{"another name", "pcsc:ACS ACR122U", filepath.Join(dir, "pcscd.comm"), devices.Failed, "no reader of this name"},
		{"no service", "pcsc:", filepath.Join(dir, "none"), devices.Failed, "smart card service is not there"},
		{"turned away", "pcsc:", service(t, nil, nil), devices.Failed, "smart card service turned us away"},
		{"half an answer", "pcsc:", service(t, words(4)), devices.Failed, "smart card service does not answer"},
		{"version 3", "pcsc:", service(t, words(3, 0, 0x8010001D)), devices.Failed, "smart card service speaks another version"},
		{"a version from afar", "pcsc:", service(t, words(4, 77, 0x8010001D)), devices.Failed, "smart card service speaks another version"},
		{"version 4.5, which has no reader", "pcsc:", service(t, words(4, 5, 0x8010001D), append(words(4, 5, 0, 2, 1, 0), make([]byte, 16*184)...)), devices.Failed, "not plugged in"},
		{"half a table", "pcsc:", service(t, append(words(4, 4, 0, 2, 1, 0), make([]byte, 1000)...)), devices.Failed, "smart card service does not answer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := nfc.New(nfc.Config{ID: "card", Port: tt.port, Socket: tt.socket}, devices.Deps{Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Probe(t.Context()); got.Outcome != tt.outcome || got.Reason != tt.reason || tt.outcome == devices.Failed && got.Hint == "" {
				t.Errorf("Probe = %+v, want %s, %s", got, tt.outcome, tt.reason)
			}
		})
	}
	socket := filepath.Join(dir, "pcscd.comm")
	if got := nfc.Readers(socket); len(got) != 1 || got[0] != (nfc.Reader{Name: "Simulated Reader 00", Port: "pcsc:Simulated Reader"}) {
		t.Errorf("Readers = %+v", got)
	}
	two := make([]byte, 16*184)
	copy(two, "ACS ACR122U 00 00")
	copy(two[184:], "ACS ACR122U 01 00")
	copy(two[2*184:], "ACS ACR122U 01 01")
	if got := nfc.Readers(service(t, append(words(4, 4, 0, 2, 1, 0), two...))); len(got) != 2 || got[1] != (nfc.Reader{Name: "ACS ACR122U 01", Port: "pcsc:ACS ACR122U 01 00"}) {
		t.Errorf("Readers of one kind = %+v", got)
	}
	p.Unplug()
	if got := nfc.Readers(socket); got != nil || nfc.Readers(filepath.Join(dir, "none")) != nil {
		t.Errorf("Readers without any = %+v", got)
	}
	r, _ := nfc.New(nfc.Config{ID: "card", Port: "pcsc:", Socket: filepath.Join(dir, "pcscd.comm")}, devices.Deps{Log: slog.New(slog.DiscardHandler)})
	if got := r.Probe(t.Context()); got.Reason != "not plugged in" {
		t.Errorf("Probe = %+v", got)
	}
}
