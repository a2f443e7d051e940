package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"clinicgate/gateway/service"
)

// Manager asks the system's service manager for the service ([service.Query]).
type Manager func(context.Context) (service.State, error)

// process is the one that the manager started as the service, 0 where none is known.
// A nil Manager knows none.
func (m Manager) process(ctx context.Context) int {
	if m == nil {
		return 0
	}
	s, err := m(ctx)
	if err != nil {
		return 0
	}
	return s.PID
}

// Answer is how the service was found on its control channel.
type Answer string

// The answers.
const (
	Answers   Answer = "answers"
	NoService Answer = "nothing is there"
	Hangs     Answer = "it takes connections and answers nothing"
	NotForUs  Answer = "this account may not ask it"
	Hidden    Answer = "this account may not read where it listens"
)

// whyItEnded is where the log of a service that runs no longer is.
const whyItEnded = "its log says why: `journalctl -u clinicgate -n 50`, or the Event Log"

// Running looks, from outside, whether the service runs.
func Running(answer Answer, query Manager) Check {
	return Check{ID: "svc-running", DependsOn: []string{"cfg-parse", "disk-mount", "disk-write", "key-open", "store-check", "ports-free", "svc-duplicate"}, Run: func(ctx context.Context) Result {
		switch answer {
		case Answers:
			return Result{State: OK, Detail: "the service answers"}
		case NotForUs:
			return Result{State: Skipped, Detail: "this account may not ask the service: join one of the groups under [control.roles], or ask an administrator"}
		case Hangs:
			return Result{Fail, "the service hangs: " + string(Hangs), "`clinicgate service restart`; before that, `clinicgate bundle` keeps what it did"}
		}
		s, err := query(ctx)
		switch {
		case answer == Hidden && (err != nil || !s.Installed || s.State == "running" && !strings.HasPrefix(s.Says, service.MinimalMode)):
			return Result{State: Skipped, Detail: "this account may not read the config, which says where the service listens: root or an administrator may look"}
		case err != nil || !s.Installed:
			return Result{Fail, "the service does not run", "`clinicgate service start`; where it is not installed, `clinicgate run` in the foreground"}
		case s.State == "running" && s.PID != 0:
			detail := "the service runs and cannot be asked: it ended again and again, and sends patients to the desk for a while"
			if s.Says != "" {
				detail += ` (it says "` + s.Says + `")`
			}
			return Result{Fail, detail, whyItEnded + "; once that is mended, `clinicgate service restart` tries at once"}
		case s.State == "starting" && s.PID != 0 && s.Restarts == 0:
			return Result{Warn, "the service is starting", "wait a minute and look again; a damaged store is made whole first, which takes up to 15 minutes"}
		case s.Restarts > 0 || s.LastExit != 0:
			return Result{Fail, fmt.Sprintf("the service is %s; it ended with code %d, started again %d times", s.State, s.LastExit, s.Restarts), whyItEnded}
		}
		return Result{Fail, "the service is " + s.State, "`clinicgate service start`"}
	}}
}

// Retired tells of a kiosk that was decommissioned, of which nothing else is to be
// looked at.
func Retired(what error, hint string) Check {
	return Check{ID: "svc-retired", Run: func(context.Context) Result { return Result{Fail, what.Error(), hint} }}
}

// Deaths is how often the service ended without having been stopped, in the boots of
// the machine that are remembered.
type Deaths struct {
	Recent int       // in the last day
	Last   time.Time // start after the last of them; zero for none
}

const (
	deathsNoticed = 3
	deathsTooMany = 6
)

// Restarts looks, from inside, how often the service ended by itself.
func Restarts(deaths func() Deaths) Check {
	return Check{ID: "svc-running", Run: func(context.Context) Result {
		d := deaths()
		detail := fmt.Sprintf("times that the service ended by itself, in a day: %d, the last before %s", d.Recent, d.Last.UTC().Format(time.RFC3339))
		switch {
		case d.Recent >= deathsTooMany:
			return Result{Fail, detail, whyItEnded}
		case d.Recent >= deathsNoticed:
			return Result{Warn, detail, whyItEnded}
		case d.Recent > 0:
			return Result{State: OK, Detail: "the service runs; " + detail}
		}
		return Result{State: OK, Detail: "the service runs, and did not end by itself in a day"}
	}}
}

// Installed looks whether the system starts the service by itself. inside says that
// this process is the one that should be it.
func Installed(query Manager, inside bool) Check {
	return Check{ID: "svc-installed", Run: func(ctx context.Context) Result {
		s, err := query(ctx)
		switch {
		case err != nil:
			return Result{State: Skipped, Detail: "no service manager answers this account"}
		case !s.Installed:
			return Result{State: Info, Detail: "it is not installed as a service of this machine: `clinicgate service install` does that"}
		case s.Masked && !inside:
			return Result{Fail, "the service manager was told never to start the service: it is masked", "`systemctl unmask clinicgate`, then `clinicgate service start`"}
		case s.Masked:
			return Result{Warn, "the service will not begin with the machine: it is masked", "`systemctl unmask clinicgate`"}
		case gone(s.Program):
			return Result{Fail, "what the service manager starts is not there: " + s.Program, "install the program again: the package, or `clinicgate service install`"}
		case !s.Enabled:
			return Result{Warn, "the service does not begin with the machine", "`clinicgate service install`, or `systemctl enable clinicgate`"}
		case s.Stale:
			return Result{Warn, "the service manager has not read the service's files since they changed", "`systemctl daemon-reload`, then restart the service when no patient is at the kiosk"}
		case inside && s.PID != os.Getpid():
			return Result{State: Info, Detail: "it is installed and begins with the machine, but the process that answers was started by hand"}
		}
		return Result{State: OK, Detail: "it is installed and begins with the machine"}
	}}
}

func gone(program string) bool {
	if program == "" {
		return false
	}
	_, err := os.Stat(program)
	return errors.Is(err, fs.ErrNotExist)
}

// Recovery looks whether the manager starts the service again after an error.
func Recovery(query Manager) Check {
	return Check{ID: "svc-recovery", DependsOn: []string{"svc-installed"}, Run: func(ctx context.Context) Result {
		s, err := query(ctx)
		switch {
		case err != nil || !s.Installed || s.Again == "":
			return Result{State: Skipped, Detail: "it is not installed as a service, or the manager does not tell"}
		case s.Again != "always" && s.Again != "on-failure":
			return Result{Warn, "after an error the service stays down (Restart=" + s.Again + ")", "`clinicgate service install` writes its own settings again; on Linux see also `systemctl cat clinicgate` for a drop-in"}
		}
		if s.Unwatched {
			return Result{Warn, "nobody notices when the service hangs: its watchdog is off (WatchdogSec=0)", "`systemctl cat clinicgate` shows which drop-in says so; remove that line, then `systemctl daemon-reload`"}
		}
		return Result{State: OK, Detail: "after an error it is started again"}
	}}
}

// Dropins looks whether the unit lets the service use what the config names: devices,
// folders outside of its own, ports below 1024. lacking names the drop-ins that are not
// as they should be. That is why a service is down that is.
func Dropins(answer Answer, query Manager, lacking func() []string) Check {
	return Check{ID: "svc-dropins", DependsOn: []string{"svc-installed"}, Run: func(ctx context.Context) Result {
		if s, err := query(ctx); err != nil || !s.Installed {
			return Result{State: Skipped, Detail: "it is not installed as a service, or no service manager answers this account"}
		}
		if names := lacking(); len(names) > 0 {
			state := Warn
			if answer == NoService {
				state = Fail
			}
			return Result{state, "the service may not use all that the config names; not as the config wants: " + strings.Join(names, ", "), "`clinicgate service devices` writes them; then restart the service when no patient is at the kiosk"}
		}
		return Result{State: OK, Detail: "the service may use the devices, folders and ports of the config"}
	}}
}

// administrators are accounts with every right of the machine.
var administrators = map[string]bool{"root": true, "0": true, "LocalSystem": true, `.\LocalSystem`: true, `NT AUTHORITY\SYSTEM`: true}

// Account looks whether the service has an account that can do no more than it needs.
func Account(query Manager) Check {
	return Check{ID: "svc-account", DependsOn: []string{"svc-installed"}, Run: func(ctx context.Context) Result {
		switch s, err := query(ctx); {
		case err != nil || !s.Installed || s.Account == "":
			return Result{State: Skipped, Detail: "it is not installed as a service, or the manager does not tell"}
		case administrators[s.Account]:
			return Result{Warn, "the service runs with an administrator's rights", "`clinicgate service install` gives it its own account; on Linux see also `systemctl cat clinicgate` for a drop-in"}
		default:
			return Result{State: OK, Detail: "it runs as " + s.Account}
		}
	}}
}

// Duplicate looks for other programs that run as this service: two of them fight for
// its store and its ports. config is the file that the service was, or would be,
// started with. From outside, the process of manager is the service itself, which may
// be there and answer nobody: it starts, or sends people to the desk.
func Duplicate(others func() []Service, manager Manager, config string) Check {
	return Check{ID: "svc-duplicate", Run: func(ctx context.Context) Result {
		own := manager.process(ctx)
		list := slices.DeleteFunc(others(), func(p Service) bool { return p.PID == own })
		for _, p := range list {
			if p.Config == config {
				return Result{Fail, "another clinicgate runs with the same config: " + p.String(), "stop it: `clinicgate service status` names the one that the service manager started"}
			}
		}
		if len(list) > 0 {
			return Result{State: Info, Detail: "a clinicgate with another config runs: " + list[0].String() + " with " + list[0].Config + "; --config names it"}
		}
		return Result{State: OK, Detail: "no other clinicgate runs"}
	}}
}
