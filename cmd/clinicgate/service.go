package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/service"
	"clinicgate/gateway/upgrade"
)

func (a *app) serviceCommand() *cobra.Command {
	c := group("service", "The service: install, remove, start, stop", a.serviceInstall(), a.serviceUninstall(),
		a.serviceAct("start", "Start the service, and wait until it is ready", service.Start),
		a.serviceAct("stop", "Stop the service, within 5 seconds", service.Stop),
		a.serviceAct("restart", "Stop and start the service", service.Restart),
		a.serviceStatus(), a.serviceDevices())
	c.Long = `clinicgate as a service of systemd or of Windows. The packages and the MSI install
it by themselves; for an archive, ` + "`clinicgate service install`" + ` does.

` + serviceCodes
	return c
}

const serviceCodes = `Exit codes of the service's own process (run --service), which the service manager
shows: 0 stopped as told, 1 it could not start, 2 the config is wrong or the program
crashed, 10 a part of it ended while it ran, 11 it hung. The manager starts it again
after each; after 5 in 10 minutes it shows patients a page that sends them to the
desk, and tries again after 1 to 10 minutes.`

// setup says what is installed: this program with this config.
func (a *app) setup() (service.Setup, error) {
	self, err := os.Executable()
	if err == nil {
		self, err = filepath.EvalSymlinks(self)
	}
	if err != nil {
		return service.Setup{}, fmt.Errorf("cannot find this program's file: %w", err)
	}
	path, err := filepath.Abs(a.configPath)
	if err != nil {
		return service.Setup{}, fmt.Errorf("cannot name the config file: %w", err)
	}
	s := service.Setup{Binary: self, ConfigPath: path}
	settings, err := config.Load(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) { // whoever may not read it may not install either
		return s, nil
	}
	if err != nil {
		return s, &mistake{err: fmt.Errorf("%s: %w", path, err), hint: hintOf(err, "correct it, then try again: `clinicgate config check`")}
	}
	s.Config = &settings
	return s, nil
}

func (a *app) serviceInstall() *cobra.Command {
	var root string
	c := &cobra.Command{
		Use:   "install",
		Short: "Install the service, or bring it up to date; starts nothing",
		Long: `Makes the service's account, the unit with its drop-ins for the config's devices,
udev rules and folders (Linux), or the service with its virtual account, delayed
start, recovery actions and access lists (Windows). It may be repeated: what is as it
should be stays.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.setup()
			if err != nil {
				return err
			}
			s.Root = root
			did, err := service.Install(c.Context(), s)
			if err := a.serviceDid(did, err); err != nil {
				return err
			}
			if s.Config == nil {
				fmt.Fprintf(a.err, "note: %s is not there yet; after `clinicgate config init` and `clinicgate keys init`, install again\n", s.ConfigPath)
			}
			return nil
		},
	}
	c.Flags().StringVar(&root, "root", "", "install below this folder, for an image; --config is then read as it is (Linux)")
	return c
}

func (a *app) serviceUninstall() *cobra.Command {
	var purge, yes bool
	c := &cobra.Command{
		Use:   "uninstall",
		Short: "Stop and remove the service; data and settings stay",
		Long: `Stops the service and removes what install made. The store, the keys and the
config stay, unless --purge is given: then they are gone for good, with events that
were not sent yet. It may be repeated.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.setup()
			if err != nil && !purge {
				s, err = service.Setup{Binary: s.Binary, ConfigPath: s.ConfigPath}, nil // a wrong config must not keep it
			}
			if err != nil {
				return err
			}
			if purge && !yes && !a.confirmed("This removes the store, its keys, settings and logs for good. Type `purge` to go on: ", "purge") {
				return &mistake{err: errors.New("nothing was removed: --purge destroys the store and its keys"), hint: "add --yes if that is meant; `clinicgate sync status` shows what was not sent yet"}
			}
			if err := noUpgrade(s.Config); err != nil {
				return err
			}
			did, err := service.Uninstall(c.Context(), service.Removal{Setup: s, Purge: purge})
			return a.serviceDid(did, err)
		},
	}
	c.Flags().BoolVar(&purge, "purge", false, "remove data, keys, settings and logs too")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// noUpgrade refuses while an upgrade is in the middle: its keeper would start a service
// that is to be gone. One that waits is cancelled by whoever ordered it.
func noUpgrade(c *config.Config) error {
	if c == nil {
		return nil
	}
	s, err := upgrade.Load(c.Upgrade.Dir)
	switch {
	case err != nil || s.Stage == upgrade.None:
		return nil // a journal that cannot be read must not keep the service
	case s.Underway():
		return &mistake{err: fmt.Errorf("nothing was removed: an upgrade to clinicgate %s is in the middle", s.To.Version), hint: "it ends by itself within a minute: `clinicgate upgrade status`"}
	}
	return &mistake{err: fmt.Errorf("nothing was removed: an upgrade to clinicgate %s waits", s.To.Version), hint: "`clinicgate upgrade cancel`, then try again"}
}

// confirmed asks a person at a terminal for a word.
func (a *app) confirmed(question, word string) bool {
	f, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return false
	}
	fmt.Fprint(a.err, question)
	line, err := bufio.NewReader(f).ReadString('\n')
	return err == nil && strings.TrimSpace(line) == word
}

func (a *app) serviceAct(name, short string, act func(context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if name != "stop" {
				if err := a.notRetired(); err != nil {
					return err
				}
			}
			if err := act(c.Context()); err != nil {
				return serviceFailed(err)
			}
			_, err := a.showService(c.Context())
			return err
		},
	}
}

func (a *app) serviceStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "What the service manager says about the service",
		Long: `Shows what the service manager says; it works with the service down and for any
account. ` + "`clinicgate status`" + ` asks the service itself. Exit code 3 when it does not run.

` + serviceCodes,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := a.showService(c.Context())
			if err == nil && s.State != "running" && s.State != "starting" {
				err = fmt.Errorf("%w: the service manager says that it does not run", control.ErrUnreachable)
			}
			return err
		},
	}
}

func (a *app) showService(ctx context.Context) (service.State, error) {
	s, err := service.Query(ctx)
	if err != nil {
		return s, serviceFailed(err)
	}
	shown := struct {
		service.State
		Decommissioned time.Time `json:"decommissioned,omitzero"`
	}{State: s}
	gone := (*gateway.RetiredError)(nil)
	if settings, err := config.Load(a.configPath); err == nil {
		if gone = gateway.Retired(settings.Storage.Dir); gone != nil {
			shown.Decommissioned = gone.At
		}
	}
	return s, a.show(shown, func(t *table) {
		if gone != nil {
			t.row("decommissioned", date(gone.At))
			t.row("next step", gone.Hint())
		}
		if !s.Installed {
			t.line("not installed")
			return
		}
		t.row("state", s.State)
		if s.Says != "" {
			t.row("says", s.Says)
		}
		t.row("begins with the machine", yesNo(s.Enabled))
		t.row("pid", max(s.PID, 0))
		t.row("restarts", s.Restarts)
		t.row("last exit code", s.LastExit)
		t.row("from", s.From)
		if s.Stale {
			t.line("its files changed: `systemctl daemon-reload`, then `clinicgate service restart`")
		}
	})
}

func (a *app) serviceDevices() *cobra.Command {
	var print bool
	var root string
	c := &cobra.Command{
		Use:   "devices",
		Short: "Let the unit use the devices, folders and ports of the config (Linux)",
		Long: `Writes the unit's drop-ins that follow from the config: device nodes and groups of
the configured devices, folders outside of the usual, ports below 1024. Run it after a
change of devices, then restart the service. With --print it only shows them.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := a.load()
			if err != nil {
				return err
			}
			if print {
				list := service.Dropins(settings)
				return a.show(list, func(t *table) {
					for _, d := range list {
						t.line("# %s", d.Name)
						for line := range strings.Lines(d.Text) {
							t.line("%s", strings.TrimSuffix(line, "\n"))
						}
					}
				})
			}
			did, err := service.Devices(c.Context(), service.Setup{Config: &settings, Root: root})
			return a.serviceDid(did, err)
		},
	}
	c.Flags().BoolVar(&print, "print", false, "show the drop-ins and write nothing")
	c.Flags().StringVar(&root, "root", "", "write below this folder, for an image")
	return c
}

// serviceDid shows what was done, also before an error.
func (a *app) serviceDid(did []string, err error) error {
	if len(did) == 0 && err == nil {
		did = []string{"nothing to do"}
	}
	if len(did) > 0 {
		shown := a.show(map[string][]string{"did": did}, func(t *table) {
			for _, d := range did {
				t.line("%s", d)
			}
		})
		if err == nil {
			return shown
		}
	}
	return serviceFailed(err)
}

// serviceFailed gives a refusal of the operating system the exit code of one.
func serviceFailed(err error) error {
	if e, ok := errors.AsType[*service.Error](err); ok && errors.Is(err, fs.ErrPermission) {
		return &control.Error{Code: control.Denied, Message: e.What, Next: e.Next}
	}
	return err
}
