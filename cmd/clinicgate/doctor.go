package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
)

func (a *app) doctorCommand() *cobra.Command {
	var in control.DoctorLook
	var strict, watch bool
	var fix string
	c := &cobra.Command{
		Use:   "doctor",
		Short: "What is wrong, since when, and what to do about it",
		Long: `Looks at the service, its files, the disk, the keys, the network, PubNub, the devices
and the page, and says what is wrong: causes first, each with the next step; what only
follows from a cause is counted and not shown. It takes at most a minute and changes
nothing. It asks the running service; where that is down, hangs, or is not for this
account to ask, it looks from outside and says what it could not see.

The last line is a support code: read it to somebody on the phone, who explains it with
` + "`clinicgate doctor explain CODE`" + `.

Exit code 5 when a check failed, with --strict also when one warned.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			for _, id := range slices.Concat(in.Only, in.Skip) {
				if _, known := doctor.TopicOf(id); !known {
					return &mistake{err: fmt.Errorf("there is no check %q", id), hint: "`clinicgate doctor explain` lists them"}
				}
			}
			if c.Flags().Changed("fix") {
				return a.fix(c.Context(), fix)
			}
			for {
				bad, err := a.examine(c.Context(), in, strict)
				if !watch || err != nil {
					return errors.Join(err, bad)
				}
				select {
				case <-c.Context().Done():
					return nil
				case <-time.After(watchDoctor):
				}
			}
		},
	}
	f := c.Flags()
	f.StringSliceVar(&in.Only, "only", nil, "look at these checks only (ids, separated by commas)")
	f.StringSliceVar(&in.Skip, "skip", nil, "do not look at these checks")
	f.BoolVar(&in.Offline, "offline", false, "ask nobody on the network")
	f.BoolVar(&strict, "strict", false, "a warning counts as a failure")
	f.BoolVar(&watch, "watch", false, "look again every 10 s, until it is stopped")
	f.StringVar(&fix, "fix", "", "repair what can be repaired without harm: what CHECK found, or, on a terminal, each after a question")
	f.Lookup("fix").NoOptDefVal = askEach
	c.AddCommand(a.doctorExplain())
	return c
}

const (
	watchDoctor = 10 * time.Second
	askEach     = "ask"
)

// repairs are the checks whose finding can be repaired without harm.
var repairs = []string{"file-perms", "log-level", "key-copies"}

// examine looks and shows. bad is what was found, for the exit code.
func (a *app) examine(ctx context.Context, in control.DoctorLook, strict bool) (bad, err error) {
	draw, wipe := a.terminal.progress()
	var seen uint64
	looked, note, err := a.look(ctx, in, func(doctor.Report) {
		seen++
		draw(control.Progress{Done: seen, Unit: "checks"})
	})
	wipe()
	if err != nil {
		return nil, err
	}
	if note != "" {
		fmt.Fprintln(a.err, "note:", note)
	}
	if err := a.show(looked, func(t *table) { showFound(t, looked) }); err != nil {
		return nil, err
	}
	worst := doctor.Worst(looked.Checks)
	if worst == doctor.Fail || worst == doctor.Warn && strict {
		first := doctor.Roots(looked.Checks)[0]
		return &found{what: first.ID + " needs somebody", hint: "`clinicgate doctor explain " + first.ID + "` says where to begin"}, nil
	}
	return nil, nil
}

// look asks the service or, where it does not answer, looks from outside. note says
// that it did.
func (a *app) look(ctx context.Context, in control.DoctorLook, each func(doctor.Report)) (found control.DoctorFound, note string, err error) {
	answer := doctor.Answers
	client, err := a.dial(ctx)
	if err == nil {
		defer client.Close()
		found, err = client.DoctorLook(ctx, in, each)
		if err == nil {
			return found, "", nil
		}
		answer = doctor.Hangs
	}
	refused, isRefused := errors.AsType[*control.Error](err)
	switch {
	case isRefused && refused.Code == control.Denied, errors.Is(err, fs.ErrPermission):
		answer, note = doctor.NotForUs, "this account may not ask the service, so only what it may see from outside was looked at"
	case isRefused:
		return found, "", err
	case !errors.Is(err, control.ErrUnreachable):
		return found, "", err
	case answer == doctor.Hangs:
		note = "the service hangs, so only what can be seen from outside was looked at"
	case a.controlPath == "" && hidden(a.configPath):
		answer, note = doctor.Hidden, "this account may not read the config, so only what can be seen from outside was looked at"
	default:
		answer, note = doctor.NoService, "no service answers, so only what can be seen from outside was looked at"
	}
	outside, err := gateway.NewOutside(a.configPath, answer)
	if err != nil {
		return found, "", err
	}
	defer outside.Close()
	version := buildInfo().Version
	reports := outside.Look(ctx, doctor.Selection{Only: in.Only, Skip: in.Skip, Offline: in.Offline, Each: each})
	return control.DoctorFound{Version: version, Now: time.Now(), Checks: reports, Code: doctor.SupportCode(version, reports)}, note, nil
}

// hidden reports whether this account may not read a config.
func hidden(path string) bool {
	_, err := config.Load(path)
	return errors.Is(err, fs.ErrPermission)
}

func showFound(t *table, f control.DoctorFound) {
	roots := doctor.Roots(f.Checks)
	for _, r := range roots {
		since := ""
		if !r.Since.IsZero() && f.Now.Sub(r.Since) > time.Minute {
			since = ", for " + lasting(f.Now.Sub(r.Since))
		}
		t.line("%-7s %s: %s%s", strings.ToUpper(string(r.State)), r.ID, r.Detail, since)
		t.line("        hint: %s", r.Hint)
		if len(r.Impacts) > 0 {
			t.line("        harms: %s", joined(r.Impacts))
		}
		if n := doctor.Folded(f.Checks, r.ID); n > 0 {
			t.line("        %s of it not shown", count(n, "consequence"))
		}
	}
	if len(roots) > 0 {
		t.line("")
	}
	ok, skipped := 0, 0
	for _, r := range f.Checks {
		switch {
		case r.Because != "":
		case r.State == doctor.Info:
			t.line("%-7s %s: %s", r.State, r.ID, r.Detail)
		case r.State == doctor.Skipped:
			t.line("%-7s %s: %s", r.State, r.ID, r.Detail)
			skipped++
		case r.State == doctor.OK:
			t.line("%-7s %s: %s", r.State, r.ID, r.Detail)
			ok++
		}
	}
	t.line("")
	t.line("%s, %d in order, %d not looked at", wrongs(len(roots)), ok, skipped)
	t.line("support code %s", f.Code)
}

func wrongs(n int) string {
	if n == 0 {
		return "nothing is wrong"
	}
	return count(n, "cause")
}

func joined(list []doctor.Impact) string {
	var words []string
	for _, i := range list {
		words = append(words, string(i))
	}
	return strings.Join(words, ", ")
}

func (a *app) doctorExplain() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE|CHECK]",
		Short: "Explain a support code of any kiosk, or a check; without either, list the checks",
		Example: `  clinicgate doctor explain 0410-40R2-KWZ1-3Y0
  clinicgate doctor explain disk-free`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				all := doctor.Catalogue()
				return a.show(all, func(t *table) {
					for _, topic := range all {
						t.row(topic.ID, topic.Does)
					}
				})
			}
			if topic, known := doctor.TopicOf(args[0]); known {
				return a.show(topic, func(t *table) { showTopic(t, topic) })
			}
			code, err := doctor.ParseCode(args[0])
			if err != nil {
				return &mistake{err: err, hint: "ask for it again, letter by letter; there is no I, L, O or U in it. `clinicgate doctor explain` lists the checks"}
			}
			return a.show(code, func(t *table) {
				version := code.Version
				if own := buildInfo().Version; version == doctor.VersionName(own) {
					version += ", as this one (" + own + ")"
				}
				t.line("version %s, %s", version, wrongs(code.Wrong))
				for _, cause := range code.Causes {
					t.line("")
					t.line("%s", strings.ToUpper(string(cause.State)))
					showTopic(t, cause.Topic)
				}
			})
		},
	}
}

func showTopic(t *table, topic doctor.Topic) {
	t.line("%s: %s", topic.ID, topic.Does)
	t.line("        next: %s", topic.Next)
	if len(topic.Impacts) > 0 {
		t.line("        harms: %s", joined(topic.Impacts))
	}
}

// fix repairs what one check found, or asks for each.
func (a *app) fix(ctx context.Context, id string) error {
	ids := []string{id}
	if id == askEach {
		in, ok := a.stdin.(*os.File)
		if !ok || !term.IsTerminal(int(in.Fd())) {
			return &mistake{err: errors.New("nobody can be asked: this is no terminal"), hint: "name what to repair: --fix=" + strings.Join(repairs, ", --fix=")}
		}
		found, _, err := a.look(ctx, control.DoctorLook{Only: repairs}, nil)
		if err != nil {
			return err
		}
		ids = nil
		lines := bufio.NewScanner(in)
		for _, r := range doctor.Roots(found.Checks) {
			fmt.Fprintf(a.err, "%s: %s\nrepair it? [y/N] ", r.ID, strings.Map(printable, r.Detail))
			if lines.Scan() && strings.EqualFold(strings.TrimSpace(lines.Text()), "y") {
				ids = append(ids, r.ID)
			}
		}
	}
	results := []control.DoctorFixed{}
	for _, id := range ids {
		if !slices.Contains(repairs, id) {
			return &mistake{err: fmt.Errorf("%q is nothing that can be repaired by itself", id), hint: "these can: " + strings.Join(repairs, ", ")}
		}
		done, err := a.fixOne(ctx, id)
		if err != nil {
			return err
		}
		results = append(results, done)
	}
	return a.show(results, func(t *table) {
		for _, r := range results {
			if len(r.Did) == 0 {
				t.line("%s: nothing was to be done", r.ID)
			}
			for _, what := range r.Did {
				t.line("%s: repaired %s", r.ID, what)
			}
		}
		if len(results) == 0 {
			t.line("nothing was repaired")
		}
	})
}

// fixOne asks the service for a repair; while none runs, files can be repaired by who
// owns them, and the next start of the service has nothing to say about it.
func (a *app) fixOne(ctx context.Context, id string) (control.DoctorFixed, error) {
	client, err := a.dial(ctx)
	if err == nil {
		defer client.Close()
		return client.DoctorFix(ctx, control.DoctorFix{ID: id})
	}
	if !isDown(err) || id != "file-perms" {
		return control.DoctorFixed{}, err
	}
	settings, err := config.Load(a.configPath)
	if err != nil {
		return control.DoctorFixed{}, err
	}
	out := control.DoctorFixed{ID: id, Did: []string{}}
	loose, _ := doctor.LooseFiles(doctor.GuardedFiles(settings, a.configPath))
	for _, f := range loose {
		if err := doctor.Tighten(f); err != nil {
			return out, fmt.Errorf("cannot repair: %w", err)
		}
		out.Did = append(out.Did, f.Path)
	}
	return out, doctor.NoteRepair(settings.Storage.Dir, id)
}
