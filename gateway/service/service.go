package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	ks "github.com/kardianos/service"

	"clinicgate/gateway/config"
)

// Name is what the service manager calls the service; it never changes, since
// upgrades find the service by it.
const Name = "clinicgate"

// DecommissionedFile, in storage.dir, keeps the service of a kiosk that was retired
// from being started.
const DecommissionedFile = "decommissioned.json"

// MinimalMode begins what a service says of itself that sends people to the desk.
const MinimalMode = "minimal mode"

// Setup is what an installation is made from.
type Setup struct {
	Binary     string // the program's file, absolute
	ConfigPath string // the config file, absolute
	Config     *config.Config
	// Root installs into the file system below this folder rather than into the
	// running one, for images: nothing is started, no account made. Linux only.
	Root string
}

// State is what the service manager says.
type State struct {
	Installed bool   `json:"installed"`
	Enabled   bool   `json:"enabled"` // begins with the machine
	State     string `json:"state"`   // running, starting, stopping, stopped, failed; "" when not installed
	Says      string `json:"says,omitempty"`
	PID       int    `json:"pid,omitempty"`
	Restarts  int    `json:"restarts"`            // by the manager, since it was last started by hand
	LastExit  int    `json:"last_exit,omitempty"` // code of the last process that ended
	Account   string `json:"account,omitempty"`   // that it runs as; "root" or "LocalSystem" for all rights
	Again     string `json:"again,omitempty"`     // when it is started again by itself, in systemd's words (systemd.service(5), Restart=); empty: not known
	Program   string `json:"program,omitempty"`   // what is started; empty: not known
	Config    string `json:"config,omitempty"`    // the file that it is started with; empty: not known
	From      string `json:"from,omitempty"`      // unit file, or the program's command line on Windows
	Package   bool   `json:"package"`             // the unit is a package's
	Stale     bool   `json:"stale,omitempty"`     // files changed since the manager read them
	Masked    bool   `json:"masked,omitempty"`    // the manager was told never to start it
	Unwatched bool   `json:"unwatched,omitempty"` // the manager would not notice that it hangs

	wrapped bool // Program is another one, which starts clinicgate
}

// Upgrades says which file an upgrade that is called as program replaces: the one that
// the service manager starts, which program must be. Where the manager starts it
// through another one, or does not tell, it is program.
func (s State) Upgrades(program string) (string, error) {
	if s.Program == "" || s.wrapped {
		return program, nil
	}
	theirs, err := os.Stat(s.Program)
	if errors.Is(err, fs.ErrNotExist) {
		return "", &Error{What: "what the service manager starts is not there: " + s.Program, Next: "put the program there again, or let `clinicgate service install` install this one"}
	}
	if err != nil {
		return "", err
	}
	ours, err := os.Stat(program)
	if err != nil {
		return "", err
	}
	if !os.SameFile(ours, theirs) {
		return "", &Error{What: fmt.Sprintf("this program is %s, and the service runs %s", program, s.Program), Next: fmt.Sprintf("run `%s upgrade ...`", s.Program)}
	}
	return filepath.EvalSymlinks(s.Program)
}

// Error is a refusal with a next step. Denied is one for want of rights.
type Error struct {
	What string
	Next string
	Err  error
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.What + ": " + e.Err.Error()
	}
	return e.What
}

// Hint is the next step.
func (e *Error) Hint() string { return e.Next }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

func denied(doing, next string) error {
	return &Error{What: "this account may not " + doing, Next: next, Err: fs.ErrPermission}
}

// of reports whether the service is the one that a config file describes.
func (s State) of(configPath string) bool { return s.Installed && s.Config == configPath }

// Retiring says whether there is a service of this config to be retired, and refuses
// where this account may not do so.
func Retiring(ctx context.Context, s Setup) (State, error) {
	q, err := Query(ctx)
	if err != nil || !q.of(s.ConfigPath) {
		return State{}, nil // nobody manages it
	}
	return q, mayChange("retire the service")
}

// notInstalled is what control of a service that is not there ends with.
func notInstalled() error {
	return &Error{What: "the service is not installed", Next: "`clinicgate service install` installs it, or install the package"}
}

// manager is kardianos's view of the service, for control only: what runs the
// process is Main.
func manager(c *ks.Config) (ks.Service, error) {
	c.Name = Name
	m, err := ks.New(nil, c)
	if err != nil {
		return nil, &Error{What: "cannot use the service manager", Next: "run `clinicgate run` under the manager that this machine has", Err: err}
	}
	return m, nil
}

// control does one act, named as a person would.
func control(doing string, act func(ks.Service) error) error {
	m, err := manager(&ks.Config{})
	if err == nil {
		err = act(m)
	}
	if err != nil {
		return &Error{What: fmt.Sprintf("cannot %s the service", doing), Next: whyHint, Err: err}
	}
	return nil
}
