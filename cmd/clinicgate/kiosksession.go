package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/logging"
	"clinicgate/gateway/session"
)

func (a *app) kioskSessionCommand() *cobra.Command {
	var browser string
	c := &cobra.Command{
		Use:   "kiosk-session",
		Short: "Show the check-in page on this machine's screen, and keep it there",
		Long: `Runs in the kiosk account's session: starts a locked-down browser (on Linux, where
there is no display server, with a compositor of its own), brings the page into it with
a fresh launch token, and brings it back when the browser, the page or the service went
away. Until the service answers, the screen asks for a moment in five languages, and
after 20 seconds sends people to the desk. It ends with SIGTERM or Ctrl-C, and the
browser's profile with it. The account needs the role kiosk-session (control.roles in
the config) and no other right.`,
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := a.load()
			if err != nil {
				return err
			}
			if browser != "" {
				settings.Session.Browser = browser
			}
			path := a.controlPath
			if path == "" {
				path = settings.Control.Path
			}
			log := logging.Open(logging.Options{Level: settings.Log.Level.Slog(), Stderr: a.err, System: true})
			err = session.Run(c.Context(), session.Options{
				Service: pageService{path}, Origin: "http://" + settings.Web.Listen,
				Browser: settings.Session.Browser, Compositor: compositor(settings.Session), Words: settings.Session.CompositorWords,
				Board: settings.Session.Board, Logger: log.Logger(),
			})
			return errors.Join(err, log.Close())
		},
	}
	c.Flags().StringVar(&browser, "browser", "", "the browser's program (default: kiosk_session.browser of the config, else the first that is found)")
	c.AddCommand(a.sessionInstall(), a.sessionUninstall(), a.sessionPolicies())
	return c
}

// compositor gives the one that the session starts by itself, "" for none.
func compositor(s config.Session) string {
	switch {
	case s.Compositor == config.CompositorWeston:
		return string(config.CompositorWeston)
	case s.Compositor == config.CompositorNone, runtime.GOOS == "windows", os.Getenv("WAYLAND_DISPLAY") != "", os.Getenv("DISPLAY") != "":
		return ""
	}
	return string(config.CompositorWeston)
}

// pageService asks the running service anew each time: it may have been restarted.
type pageService struct{ path string }

func (p pageService) Launch(ctx context.Context) (control.Launched, error) {
	return askedAt(ctx, p.path, func(c *control.Client) (control.Launched, error) { return c.Launch(ctx, control.Launch{}) })
}

func (p pageService) Seen(ctx context.Context) (control.PageSeen, error) {
	return askedAt(ctx, p.path, func(c *control.Client) (control.PageSeen, error) { return c.PageSeen(ctx) })
}

// askedAt asks one thing of the service at a path.
func askedAt[Out any](ctx context.Context, path string, f func(*control.Client) (Out, error)) (out Out, err error) {
	client, err := control.Dial(ctx, path)
	if err != nil {
		return out, err
	}
	defer client.Close()
	return f(client)
}

// pageOrigin is where the config has the page.
func (a *app) pageOrigin() (string, error) {
	settings, err := a.load()
	return "http://" + settings.Web.Listen, err
}

func (a *app) sessionInstall() *cobra.Command {
	var root, account string
	var renew bool
	c := &cobra.Command{
		Use:   "install",
		Short: "Let the page come onto this machine's screen when the machine starts",
		Long: `Linux: makes the account clinicgate-kiosk, its session, the unit
clinicgate-kiosk.service on the first console, and the policies that lock Chromium and
Chrome down to the page. It starts nothing: ` + "`systemctl start clinicgate-kiosk`" + ` or the
next start of the machine does.

Windows: writes the policies for Edge and Chrome into the registry, and beside the config
kiosk-shell.xml, with which Windows' Shell Launcher makes the session the shell of
--account; the operator page kiosk-session.md says how to hand it over.

It may be repeated; repeat it after a change of web.listen. An upgrade by package repeats it
with --renew.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if account != "" && runtime.GOOS != "windows" {
				return &mistake{err: errors.New("on Linux the account is clinicgate-kiosk"), hint: "leave --account out"}
			}
			origin, err := a.pageOrigin()
			if err != nil {
				return err
			}
			s, err := a.sessionSetup(origin)
			if err != nil {
				return err
			}
			s.Root, s.Account = root, account
			put := session.Install
			if renew {
				put = session.Renew
			}
			did, err := put(c.Context(), s)
			return a.sessionDid(did, err)
		},
	}
	c.Flags().StringVar(&root, "root", "", "install below this folder, for an image; --config is then read as it is (Linux)")
	c.Flags().StringVar(&account, "account", "", "the kiosk's account, such as kiosk or LOBBY-1\\kiosk (Windows; default: that of the last time)")
	c.Flags().BoolVar(&renew, "renew", false, "only where it is installed: to what this version installs")
	return c
}

// sessionSetup is what the session of this program and config is installed from.
func (a *app) sessionSetup(origin string) (session.Setup, error) {
	s, err := a.setup()
	made := session.Setup{Binary: s.Binary, ConfigPath: s.ConfigPath, Origin: origin}
	if made.ConfigPath == config.DefaultPath {
		made.ConfigPath = ""
	}
	return made, err
}

func (a *app) sessionUninstall() *cobra.Command {
	return &cobra.Command{
		Use:   "uninstall",
		Short: "End the kiosk session and remove what install made",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			did, err := session.Uninstall(c.Context(), session.Setup{ConfigPath: a.configPath})
			return a.sessionDid(did, err)
		},
	}
}

func (a *app) sessionDid(did []string, err error) error {
	if e, ok := errors.AsType[*session.Error](err); ok && errors.Is(err, fs.ErrPermission) {
		return &control.Error{Code: control.Denied, Message: e.What, Next: e.Next}
	}
	return a.serviceDid(did, err)
}

func (a *app) sessionPolicies() *cobra.Command {
	var form, account string
	c := &cobra.Command{
		Use:   "policies",
		Short: "Print the browser's policies for this kiosk",
		Long: `Prints the policies that lock the browser down to the page of the config: as JSON for
Chromium and Chrome on Linux, or as a registry file for Edge and Chrome on Windows,
which also turns off error reports of the browser. As shell-launcher it is the file with
which a device manager makes the session the shell of --account on Windows.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			origin, err := a.pageOrigin()
			if err != nil {
				return err
			}
			text := ""
			switch form {
			case "json":
				text = session.PolicyFile(origin)
			case "reg":
				text = session.Registry(origin)
			case "shell-launcher":
				if account == "" {
					return &mistake{err: errors.New("Shell Launcher needs the kiosk's account"), hint: "name it: --account kiosk"}
				}
				text = session.ShellLauncher(session.Setup{Binary: session.WindowsBinary, Account: account})
			default:
				return &mistake{err: fmt.Errorf("there is no form %q", form), hint: "--form is json, reg or shell-launcher"}
			}
			if a.json {
				return a.show(map[string]string{"form": form, "text": text}, nil)
			}
			_, err = fmt.Fprint(a.out, text)
			return err
		},
	}
	usual := "json"
	if runtime.GOOS == "windows" {
		usual = "reg"
	}
	c.Flags().StringVar(&form, "form", usual, "json (Linux), reg (Windows) or shell-launcher (Windows)")
	c.Flags().StringVar(&account, "account", "", "the kiosk's account, for shell-launcher")
	return c
}
