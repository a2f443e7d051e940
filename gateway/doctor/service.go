package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"clinicgate/gateway/service"
)

// Manager asks the system's service manager for the service ([service.Query]).
type Manager func(context.Context) (service.State, error)

// Answer is how the service was found on its control channel.
type Answer string

// The answers.
const (
	Answers   Answer = "answers"
	NoService Answer = "nothing is there"
	Hangs     Answer = "it takes connections and answers nothing"
	NotForUs  Answer = "this account may not ask it"
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
		case err != nil || !s.Installed:
			return Result{Fail, "the service does not run", "`clinicgate service start`; where it is not installed, `clinicgate run` in the foreground"}
		case s.Restarts > 0 || s.LastExit != 0:
			return Result{Fail, fmt.Sprintf("the service is %s; it ended with code %d, started again %d times", s.State, s.LastExit, s.Restarts), whyItEnded}
		}
		return Result{Fail, "the service is " + s.State, "`clinicgate service start`"}
	}}
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
		switch s, err := query(ctx); {
		case err != nil || !s.Installed || s.Again == "":
			return Result{State: Skipped, Detail: "it is not installed as a service, or the manager does not tell"}
		case s.Again != "always" && s.Again != "on-failure":
			return Result{Warn, "after an error the service stays down (Restart=" + s.Again + ")", "`clinicgate service install` writes its own settings again; on Linux see also `systemctl cat clinicgate` for a drop-in"}
		}
		return Result{State: OK, Detail: "after an error it is started again"}
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
// started with.
func Duplicate(others func() []Service, config string) Check {
	return Check{ID: "svc-duplicate", Run: func(context.Context) Result {
		list := others()
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
