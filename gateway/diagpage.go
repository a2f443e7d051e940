package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"clinicgate/devices"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/gateway/metrics"
	"clinicgate/kiosk"
	"clinicgate/kiosk/web/diag"
)

// newDiag makes the technician's page. Nothing serves it before the check-in page does.
func (g *Gateway) newDiag() (*diag.Server, error) {
	settings := diag.Config{}
	for _, language := range g.cfg.Kiosk.Languages {
		if slices.Contains(diag.Languages(), language) {
			settings.Language = language
			break
		}
	}
	pageScanner, _ := g.cfg.PageScanner()
	settings.ScanGap, settings.ScanEnds = pageScanner.Keys()
	return diag.New(settings, diag.Deps{
		Kiosk: &diagKiosk{Gateway: g}, Logger: g.log.With("component", "diag"), Audit: g.audit,
		Free:     func() bool { return g.web.Free() },
		Captured: g.wedge.Capture,
		Now:      func() time.Time { return g.clock.Now().Wall },
	})
}

// diagKiosk is the kiosk as its technician's page shows it.
type diagKiosk struct {
	*Gateway

	mu          sync.Mutex
	append, tap meanOf // guarded by mu
}

// Facts gives what a technician is asked for on the telephone.
func (g *diagKiosk) Facts(context.Context) diag.Facts {
	now := g.clock.Now()
	st, s := g.store.Status(), g.syncSummary()
	clock := "clock-untrusted"
	if now.Synced {
		clock = "clock-trusted"
	}
	online := "offline"
	if s.Online {
		online = "online"
	}
	f := diag.Facts{Addresses: addresses(), Rows: []diag.Fact{
		{Key: "version", Value: g.o.Version}, {Key: "go", Value: runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH},
		{Key: "kiosk", Value: string(g.self)}, {Key: "site", Value: g.cfg.Kiosk.Site},
		{Key: "started", Value: g.trusted(g.started).UTC().Format(time.RFC3339)}, {Key: "now", Value: now.Wall.UTC().Format(time.RFC3339)}, {Key: "clock", Value: clock},
		{Key: "page", Value: g.web.Addr()}, {Key: "mqtt", Value: g.broker.Addr()}, {Key: "origin", Value: g.cfg.PubNub.Origin}, {Key: "link", Value: online},
		{Key: "error", Value: s.LastError}, {Key: "used", Value: fmt.Sprintf("%d / %d MiB", st.Used>>20, g.cfg.Storage.Budget.Bytes>>20)},
	}}
	if !s.LastPublish.IsZero() {
		f.Rows = append(f.Rows, diag.Fact{Key: "publish", Value: s.LastPublish.UTC().Format(time.RFC3339)})
	}
	f.Rows = slices.DeleteFunc(f.Rows, func(r diag.Fact) bool { return r.Value == "" })
	return f
}

const maxAddresses = 64

// addresses lists those of this machine, of the loopback none.
func addresses() (list []diag.Address) {
	all, err := net.Interfaces()
	if err != nil {
		return nil
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 || len(list) >= maxAddresses {
			continue
		}
		up := i.Flags&net.FlagUp != 0
		held, _ := i.Addrs()
		for _, a := range held {
			list = append(list, diag.Address{Interface: i.Name, Address: a.String(), Up: up})
		}
		if len(held) == 0 {
			list = append(list, diag.Address{Interface: i.Name, Up: up})
		}
	}
	return list
}

// Devices lists the configured devices, with how each is tested.
func (g *diagKiosk) Devices(context.Context) (list []diag.Device) {
	for _, d := range g.units.list() {
		list = append(list, diag.Device{ID: d.ID, Class: d.Class, State: d.State, Where: d.Where, Reason: d.Reason, Hint: d.Hint,
			Test: testOf(devices.Class(d.Class)), Tested: d.Tested, Passed: d.Passed})
	}
	return list
}

// testOf says how a class is tested, as units.Await and units.Try have it.
func testOf(c devices.Class) string {
	switch c {
	case devices.Lamp, devices.Sounder, devices.Printer:
		return diag.Does
	case devices.Scanner, devices.NFC, devices.Button, devices.Presence, devices.Vitals:
		return diag.Reads
	}
	return ""
}

// Check runs doctor's checks.
func (g *diagKiosk) Check(ctx context.Context, each func(diag.Finding)) string {
	reports := g.checks.Look(ctx, doctor.Selection{Each: func(r doctor.Report) {
		each(diag.Finding{ID: r.ID, State: string(r.State), Detail: r.Detail, Hint: r.Hint, Because: r.Because, Since: g.trusted(r.Since)})
	}})
	return doctor.SupportCode(g.o.Version, reports)
}

// Log gives lines of the ring.
func (g *diagKiosk) Log(ctx context.Context, q diag.LogQuery) (diag.Log, error) {
	out := diag.Log{Lines: []diag.Line{}, Components: []string{}, Next: q.After}
	if g.o.Log != nil {
		out.Components = g.o.Log.Components()
	}
	lines, err := logBackend{g.Gateway}.Tail(ctx, control.Caller{}, control.LogTail{After: q.After, Component: q.Component, Level: q.Level, Lines: q.Lines, Wait: q.After > 0})
	if errors.Is(err, context.DeadlineExceeded) {
		return out, nil // no line came, and the page asks again
	}
	out.Next = lines.Next
	for _, l := range lines.Lines {
		var b strings.Builder
		b.WriteString(l.Message)
		for _, f := range l.Fields {
			b.WriteString(" " + f.Key + "=" + f.Value)
		}
		out.Lines = append(out.Lines, diag.Line{Time: l.Time, Level: l.Level, Component: l.Component, Text: b.String()})
	}
	return out, refusal(err)
}

const diagLevelFor = 30 * time.Minute

// SetLevel changes for half an hour how much a part logs.
func (g *diagKiosk) SetLevel(ctx context.Context, by kiosk.Actor, component, level string) error {
	_, err := logBackend{g.Gateway}.SetLevel(ctx, control.Caller{Actor: by}, control.LogLevel{Level: level, Component: component, Seconds: int64(diagLevelFor / time.Second)})
	return refusal(err)
}

const diagAwait = 10 // seconds; the page asks again

// Await waits for what a device under test reads.
func (g *diagKiosk) Await(ctx context.Context, by kiosk.Actor, device string) (diag.Trial, error) {
	r, err := g.units.Await(ctx, control.Caller{Actor: by}, control.DeviceAwait{DeviceUnit: control.DeviceUnit{ID: device}, Seconds: diagAwait})
	return diag.Trial{Read: r.Read, Good: r.Matched, Kind: r.Kind, Symbology: r.Symbology, Length: r.Length, Why: r.Why, Micros: r.Micros}, refusal(err)
}

// Try has a device do what a person notices.
func (g *diagKiosk) Try(ctx context.Context, by kiosk.Actor, device string) (diag.Trial, error) {
	r, err := g.units.Try(ctx, control.Caller{Actor: by}, control.DeviceUnit{ID: device})
	return diag.Trial{Read: err == nil, Good: err == nil, Micros: r.Micros}, refusal(err)
}

// Judge records how a test ended.
func (g *diagKiosk) Judge(ctx context.Context, by kiosk.Actor, device string, passed bool) error {
	_, err := g.units.Judge(ctx, control.Caller{Actor: by}, control.DeviceVerdict{DeviceUnit: control.DeviceUnit{ID: device}, Passed: passed})
	return refusal(err)
}

// refusal keeps of an error what a person is meant to read.
func refusal(err error) error {
	if e, ok := errors.AsType[*control.Error](err); ok {
		return &diag.Refusal{Message: e.Message, Next: e.Next}
	}
	return err
}

// meanOf remembers what a histogram had, for the mean of what came since.
type meanOf struct {
	n   uint64
	sum time.Duration
}

// next gives the mean in ms of what came since the call before, or -1.
func (m *meanOf) next(h *metrics.Histogram) float64 {
	n, sum := h.Totals()
	before := *m
	m.n, m.sum = n, sum
	if n <= before.n {
		return -1
	}
	return float64(sum-before.sum) / float64(time.Millisecond) / float64(n-before.n)
}

// Measure gives the sample of this moment.
func (g *diagKiosk) Measure() diag.Sample {
	var queued uint64
	for _, s := range g.store.Streams() {
		queued += s.Queued
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return diag.Sample{At: g.clock.Now().Wall, Queued: queued, Append: g.append.next(g.meters.append), Tap: g.tap.next(g.meters.tap)}
}

// diagBackend is who may open the page, for the local channel.
type diagBackend struct{ *Gateway }

// Open gives a code.
func (g diagBackend) Open(_ context.Context, by control.Caller, _ control.DiagOpen) (control.DiagOpened, error) {
	code, expires := g.diag.Open(by.Actor)
	return control.DiagOpened{Code: code, Expires: expires}, nil
}

// Close ends the page and voids the code.
func (g diagBackend) Close(context.Context, control.Caller, control.DiagClose) (control.DiagStatus, error) {
	return diagStatus(g.diag.Close()), nil
}

// Status tells how it stands.
func (g diagBackend) Status(context.Context, control.Caller) (control.DiagStatus, error) {
	return diagStatus(g.diag.Status()), nil
}

func diagStatus(s diag.Status) control.DiagStatus {
	out := control.DiagStatus{Open: s.Open, Opened: s.Opened, Code: s.Code, Expires: s.Expires, Wrong: s.Wrong}
	if s.Open {
		out.By = s.OpenBy.String()
	}
	if s.Code {
		out.CodeBy = s.CodeBy.String()
	}
	return out
}
