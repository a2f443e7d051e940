package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
)

const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitDenied      = 4
	exitFound       = 5

	// Of the service's process only.
	exitPart = 10
	exitHung = 11
)

// exitCodes says what each code means. Help, man page and the operators' page of the
// commands are made from it.
var exitCodes = []struct {
	code  int
	means string
}{
	{exitOK, "it worked"},
	{exitFailed, "it was tried and failed"},
	{exitUsage, "the command line or the config file is wrong; the service's own process: it crashed"},
	{exitUnreachable, "no service answers, or it went away"},
	{exitDenied, "this account may not do that"},
	{exitFound, "it worked, and a check found something wrong"},
	{exitPart, "the service's own process: a part of it ended while it ran"},
	{exitHung, "the service's own process: it hung"},
}

// exitCodesTopic is `clinicgate help exit-codes`.
func exitCodesTopic() *cobra.Command {
	var b strings.Builder
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "%3d  %s\n", e.code, e.means)
	}
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: `Every command ends with one of these, and with an error line and a hint line when it
is not 0:

` + strings.TrimSuffix(b.String(), "\n")}
}

// app is what every subcommand needs: where to write, and the flags that all
// have.
type app struct {
	terminal
	stdin       io.Reader
	configPath  string
	controlPath string
}

// run is the whole program. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	a := &app{terminal: terminal{out: stdout, err: stderr}, stdin: stdin}
	parsed := false
	root := a.root()
	root.PersistentPreRun = func(*cobra.Command, []string) { parsed = true }
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if _, known := errors.AsType[*mistake](err); err != nil && !parsed && !known {
		err = &mistake{err: err, hint: "`clinicgate " + strings.Join(append(commandWords(root, args), "--help"), " ") + "` shows how it is used"}
	}
	return a.fail(err)
}

// commandWords gives the part of args that names a subcommand.
func commandWords(root *cobra.Command, args []string) []string {
	c, _, err := root.Find(args)
	if err != nil || c == root {
		return nil
	}
	return strings.Fields(c.CommandPath())[1:]
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "clinicgate",
		Short: "Check-in kiosk gateway: durable, encrypted, online or not",
		Long: `clinicgate runs a waiting-room kiosk: it reads the check-in devices, serves the
check-in page, keeps every queue, consent and audit event in an encrypted store
before it says "done", and syncs to PubNub, encrypted and signed.

` + exitCodesTopic().Long,
		Args:          knownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SuggestionsMinimumDistance = 2
	flags := root.PersistentFlags()
	flags.StringVar(&a.configPath, "config", config.DefaultPath, "config file")
	flags.StringVar(&a.controlPath, "control", "", "control socket or pipe (default: control.path of the config)")
	flags.BoolVar(&a.json, "json", false, "print the result as JSON: {\"version\":1,\"data\":...}")
	root.AddCommand(
		a.runCommand(), a.serviceCommand(), a.configCommand(), a.keysCommand(), a.rosterCommand(),
		a.statusCommand(), a.doctorCommand(), a.syncCommand(), a.tokenCommand(), a.retentionCommand(), a.validateCommand(), a.queueCommand(), a.consentCommand(), a.providerCommand(), a.deskCommand(), a.breakGlassCommand(),
		a.auditCommand(), a.storeCommand(), a.devicesCommand(), a.launchCommand(), a.kioskSessionCommand(), a.logCommand(), a.diagCommand(), a.bundleCommand(),
		a.versionCommand(), a.upgradeCommand(), a.decommissionCommand(),
		exitCodesTopic(),
	)
	return root
}

// group is a command that only has subcommands.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: knownCommand, SuggestionsMinimumDistance: 2, RunE: func(c *cobra.Command, _ []string) error {
		return &mistake{err: fmt.Errorf("%s needs a subcommand", c.CommandPath()), hint: "`" + c.CommandPath() + " --help` lists them"}
	}}
	c.AddCommand(children...)
	return c
}

// knownCommand refuses a word that no subcommand took.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	m := &mistake{err: fmt.Errorf("%s has no subcommand %q", c.CommandPath(), args[0]), hint: "`" + c.CommandPath() + " --help` lists them"}
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		m.hint = "did you mean `" + c.CommandPath() + " " + near[0] + "`?"
	}
	return m
}

// load reads the config.
func (a *app) load() (config.Config, error) {
	c, err := config.Load(a.configPath)
	if err != nil {
		return c, &mistake{err: fmt.Errorf("%s: %w", a.configPath, err), hint: hintOf(err, "`clinicgate config init --path "+a.configPath+"` writes a new one; --config names another")}
	}
	return c, nil
}

// dial connects to the running service.
func (a *app) dial(ctx context.Context) (*control.Client, error) {
	path := a.controlPath
	if path == "" {
		path = config.ControlPath(a.configPath)
	}
	client, err := control.Dial(ctx, path)
	if isDown(err) {
		if settings, bad := config.Load(a.configPath); bad == nil {
			if gone := gateway.Retired(settings.Storage.Dir); gone != nil {
				return nil, &retired{gone, err}
			}
		}
	}
	return client, err
}

// isDown reports whether no service runs, as far as this account can tell: then
// some subcommands do their work on the files.
func isDown(err error) bool {
	return errors.Is(err, control.ErrUnreachable) && !errors.Is(err, fs.ErrPermission)
}

// ask connects, asks one thing, and shows the answer.
func ask[Out any](a *app, ctx context.Context, f func(*control.Client) (Out, error), show func(*table, Out)) error {
	client, err := a.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	out, err := f(client)
	if err != nil {
		return err
	}
	return a.show(out, func(t *table) { show(t, out) })
}

// mistake is an error of the command line or the config: exit code 2.
type mistake struct {
	err  error
	hint string
}

func (m *mistake) Error() string { return m.err.Error() }
func (m *mistake) Unwrap() error { return m.err }
func (m *mistake) Hint() string  { return m.hint }

// found is what a check found wrong, after its result was shown: exit code 5.
type found struct {
	what string
	hint string
}

func (f *found) Error() string { return f.what }
func (f *found) Hint() string  { return f.hint }

func hintOf(err error, otherwise string) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) && h.Hint() != "" {
		return h.Hint()
	}
	return otherwise
}

// fail shows an error and gives the exit code: `error:` lines, then `hint:`.
func (a *app) fail(err error) int {
	if err == nil {
		return exitOK
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintln(a.err, "error:", strings.TrimRight(line, "\n"))
	}
	if hint := hintOf(err, ""); hint != "" {
		fmt.Fprintln(a.err, "hint:", hint)
	}
	if _, ok := errors.AsType[*mistake](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[*found](err); ok {
		return exitFound
	}
	if errors.Is(err, control.ErrUnreachable) && errors.Is(err, fs.ErrPermission) {
		return exitDenied
	}
	if errors.Is(err, control.ErrUnreachable) {
		return exitUnreachable
	}
	if _, ok := errors.AsType[*gateway.PartError](err); ok {
		return exitPart
	}
	if e, ok := errors.AsType[*control.Error](err); ok {
		switch e.Code {
		case control.Denied:
			return exitDenied
		case control.Invalid:
			return exitUsage
		case control.Found:
			return exitFound
		}
	}
	return exitFailed
}
