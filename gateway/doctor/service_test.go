package doctor_test

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"testing"

	"clinicgate/gateway/doctor"
	"clinicgate/gateway/service"
)

// sound is how the service manager tells of a service that is as it should be.
func sound() service.State {
	return service.State{Installed: true, Enabled: true, State: "running", PID: 4711, Account: "clinicgate", Again: "always", Program: os.Args[0]}
}

func tells(change func(*service.State)) doctor.Manager {
	s := sound()
	change(&s)
	return func(context.Context) (service.State, error) { return s, nil }
}

// managed is a check that asks the service manager, what it has to find and part of
// what it says.
type managed struct {
	name  string
	check doctor.Check
	want  doctor.State
	says  string
}

func managedRows() []managed {
	none := func(context.Context) (service.State, error) { return service.State{}, errors.New("no manager") }
	well := tells(func(*service.State) {})
	lacking := func(names ...string) func() []string { return func() []string { return names } }
	others := func(list ...doctor.Service) func() []doctor.Service {
		return func() []doctor.Service { return list }
	}
	own := doctor.Service{Process: doctor.Process{PID: 4711, Name: "clinicgate"}, Config: "/c"}
	second := doctor.Service{Process: doctor.Process{PID: 4712, Name: "clinicgate"}, Config: "/c"}
	foreign := doctor.Service{Process: doctor.Process{PID: 4713, Name: "clinicgate"}, Config: "/d"}
	return []managed{
		{"decommissioned", doctor.Retired(errors.New("this kiosk was decommissioned"), "another begins anew"), doctor.Fail, "decommissioned"},
		{"installed", doctor.Installed(well, false), doctor.OK, ""},
		{"not installed", doctor.Installed(tells(func(s *service.State) { *s = service.State{} }), false), doctor.Info, "not installed"},
		{"no manager", doctor.Installed(none, false), doctor.Skipped, ""},
		{"masked", doctor.Installed(tells(func(s *service.State) { s.Masked = true }), false), doctor.Fail, "masked"},
		{"masked while it runs", doctor.Installed(tells(func(s *service.State) { s.Masked = true }), true), doctor.Warn, "masked"},
		{"program gone", doctor.Installed(tells(func(s *service.State) { s.Program = "/nowhere/clinicgate" }), false), doctor.Fail, "/nowhere/clinicgate"},
		{"not enabled", doctor.Installed(tells(func(s *service.State) { s.Enabled = false }), false), doctor.Warn, "does not begin"},
		{"unit changed", doctor.Installed(tells(func(s *service.State) { s.Stale = true }), false), doctor.Warn, "not read"},

		{"started again", doctor.Recovery(well), doctor.OK, ""},
		{"not started again", doctor.Recovery(tells(func(s *service.State) { s.Again = "no" })), doctor.Warn, "Restart=no"},
		{"no watchdog", doctor.Recovery(tells(func(s *service.State) { s.Unwatched = true })), doctor.Warn, "watchdog"},
		{"own account", doctor.Account(well), doctor.OK, "clinicgate"},
		{"root", doctor.Account(tells(func(s *service.State) { s.Account = "root" })), doctor.Warn, "administrator"},
		{"drop-ins", doctor.Dropins(doctor.Answers, well, lacking()), doctor.OK, ""},
		{"drop-in missing", doctor.Dropins(doctor.Answers, well, lacking("10-devices.conf")), doctor.Warn, "10-devices.conf"},
		{"drop-in missing while it is down", doctor.Dropins(doctor.NoService, well, lacking("20-config.conf")), doctor.Fail, "20-config.conf"},
		{"drop-in of no service", doctor.Dropins(doctor.Answers, none, lacking("10-devices.conf")), doctor.Skipped, ""},

		{"runs", doctor.Running(doctor.Answers, well), doctor.OK, ""},
		{"not started", doctor.Running(doctor.NoService, tells(func(s *service.State) { s.State, s.PID = "stopped", 0 })), doctor.Fail, "is stopped"},
		{"failed", doctor.Running(doctor.NoService, tells(func(s *service.State) { s.State, s.PID, s.LastExit = "failed", 0, 1 })), doctor.Fail, "ended with code 1"},
		{"dies again and again", doctor.Running(doctor.NoService, tells(func(s *service.State) { s.State, s.Restarts, s.LastExit = "starting", 7, 1 })), doctor.Fail, "started again 7 times"},
		{"starts", doctor.Running(doctor.NoService, tells(func(s *service.State) { s.State = "starting" })), doctor.Warn, "is starting"},
		{"sends people to the desk", doctor.Running(doctor.NoService, tells(func(s *service.State) { s.Says, s.Restarts = "minimal mode after 5 exits", 5 })), doctor.Fail, "minimal mode after 5 exits"},
		{"runs where this account may not look", doctor.Running(doctor.Hidden, tells(func(s *service.State) { s.Says = "the check-in page is on 127.0.0.1:8470" })), doctor.Skipped, "may not read the config"},
		{"no service manager where this account may not look", doctor.Running(doctor.Hidden, none), doctor.Skipped, "may not read the config"},
		{"is stopped where this account may not look", doctor.Running(doctor.Hidden, tells(func(s *service.State) { s.State, s.PID = "stopped", 0 })), doctor.Fail, "is stopped"},
		{"sends people to the desk where this account may not look", doctor.Running(doctor.Hidden, tells(func(s *service.State) { s.Says = service.MinimalMode + " after 5 exits" })), doctor.Fail, "minimal mode after 5 exits"},
		{"hangs", doctor.Running(doctor.Hangs, well), doctor.Fail, "hangs"},

		// The manager's process is the service, not a second copy of it.
		{"the service itself", doctor.Duplicate(others(own), well, "/c"), doctor.OK, ""},
		{"a second copy", doctor.Duplicate(others(own, second), well, "/c"), doctor.Fail, "pid 4712"},
		{"a copy by hand, seen from inside", doctor.Duplicate(others(own), nil, "/c"), doctor.Fail, "pid 4711"},
		{"a copy where no manager is", doctor.Duplicate(others(own), none, "/c"), doctor.Fail, "pid 4711"},
		{"another kiosk's", doctor.Duplicate(others(own, foreign), well, "/c"), doctor.Info, "/d"},
	}
}

// What the service manager tells, and what is said of it.
func TestServiceManager(t *testing.T) {
	for _, c := range managedRows() {
		t.Run(c.name, func(t *testing.T) {
			got := c.check.Run(t.Context())
			if got.State != c.want || !strings.Contains(got.Detail, c.says) || got.State.Bad() != (got.Hint != "") {
				t.Errorf("%s: %+v, want %s that says %q, and a hint where something is wrong", c.check.ID, got, c.want, c.says)
			}
		})
	}
}

// A port that the service itself holds is not taken; one that nobody may have is told
// apart from one that somebody has.
func TestPortsOfTheServiceItself(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	held := []doctor.Port{{Key: "web.listen", Address: l.Addr().String()}}
	stopped := tells(func(s *service.State) { s.PID = 0 })
	for _, c := range []struct {
		name    string
		ports   []doctor.Port
		manager doctor.Manager
		want    doctor.State
		says    string
	}{
		{"held by another program", held, stopped, doctor.Fail, "web.listen"},
		{"held by the service", held, tells(func(*service.State) {}), doctor.OK, ""},
		{"another port than the page's", []doctor.Port{{Key: "mqtt.listen", Address: l.Addr().String()}}, tells(func(*service.State) {}), doctor.Fail, "mqtt.listen"},
		{"no address of this machine", []doctor.Port{{Key: "desk.listen", Address: "192.0.2.7:8443"}}, stopped, doctor.Fail, "has not the address"},
	} {
		if got := doctor.PortsFree(c.ports, c.manager).Run(t.Context()); got.State != c.want || !strings.Contains(got.Detail, c.says) {
			t.Errorf("%s: %+v, want %s that says %q", c.name, got, c.want, c.says)
		}
	}
}
