package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"clinicgate/gateway/config"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/web"
)

func (a *app) configCommand() *cobra.Command {
	return group("config", "Write, check and show the config file", a.configInit(), a.configCheck(), a.configShow())
}

func (a *app) configInit() *cobra.Command {
	var path string
	var sets []string
	c := &cobra.Command{
		Use:   "init",
		Short: "Write a new config file with every key explained",
		Example: `  clinicgate config init --set kiosk.id=lobby-1 --set kiosk.letter=A --set kiosk.site=main \
    --set kiosk.organization=riverside --set kiosk.zone=America/New_York \
    --set pubnub.publish_key=pub-c-... --set pubnub.subscribe_key=sub-c-...`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if path == "" {
				path = a.configPath
			}
			settings := config.Default()
			for _, s := range sets {
				key, value, ok := strings.Cut(s, "=")
				if !ok {
					return &mistake{err: fmt.Errorf("--set %s: want key=value", s), hint: "such as --set kiosk.id=lobby-1"}
				}
				if err := settings.Set(strings.TrimSpace(key), strings.TrimSpace(value)); err != nil {
					return &mistake{err: fmt.Errorf("--set %w", err), hint: hintOf(err, "")}
				}
			}
			text := config.Sample(settings)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return fmt.Errorf("cannot write config: %w", err)
			}
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
			if errors.Is(err, fs.ErrExist) {
				return &mistake{err: fmt.Errorf("%s is there already", path), hint: "`clinicgate config check` explains it; --path writes another"}
			}
			if err != nil {
				return fmt.Errorf("cannot write config: %w", err)
			}
			_, err = f.WriteString(text)
			if err := errors.Join(err, f.Close()); err != nil {
				return fmt.Errorf("cannot write config: %w", err)
			}
			problems := config.Problems{}
			if _, err := config.Load(path); err != nil {
				problems, _ = errors.AsType[config.Problems](err)
			}
			return a.show(map[string]any{"path": path, "unset": problems.Paths()}, func(t *table) {
				t.line("wrote %s", path)
				if len(problems) == 0 {
					t.line("next: clinicgate config check --config %s", path)
					return
				}
				t.line("")
				t.line("Edit it and set, at least:")
				for _, p := range problems {
					t.line("  %v", p)
				}
			})
		},
	}
	c.Flags().StringVar(&path, "path", "", "file to write (default: the one that --config names)")
	c.Flags().StringArrayVar(&sets, "set", nil, "set key=value in the new file; may be repeated")
	return c
}

func (a *app) configCheck() *cobra.Command {
	var brief bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Explain the config file line by line and name every problem",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			lines, err := config.ExplainFile(a.configPath)
			problems, isProblems := errors.AsType[config.Problems](err)
			if err != nil && !isProblems {
				return &mistake{err: err, hint: "`clinicgate config init` writes a new file; --config names another"}
			}
			var notes []string
			if err == nil {
				settings, err := config.Load(a.configPath)
				if err != nil {
					return err
				}
				problems, _ = errors.AsType[config.Problems](settings.CheckFiles())
				for _, tag := range settings.Kiosk.Languages {
					if err := web.CheckLanguages([]string{tag}); err != nil {
						problems = append(problems, config.Problem{Path: "kiosk.languages", Value: tag, What: err.Error()})
					}
				}
				if len(problems) == 0 {
					problems, notes = checkForms(settings)
				}
				if len(problems) == 0 {
					var more []string
					problems, more = checkSpeech(settings)
					notes = append(notes, more...)
				}
			}
			type setting struct {
				Line  int    `json:"line,omitempty"`
				Key   string `json:"key"`
				Value string `json:"value"`
				Means string `json:"means"`
			}
			result := struct {
				Path     string          `json:"path"`
				OK       bool            `json:"ok"`
				Settings []setting       `json:"settings"`
				Problems config.Problems `json:"problems"`
				Notes    []string        `json:"notes,omitempty"`
			}{Path: a.configPath, OK: len(problems) == 0, Settings: []setting{}, Problems: problems, Notes: notes}
			for _, e := range lines {
				result.Settings = append(result.Settings, setting{e.Line, e.Path, e.Value, e.Doc})
			}
			err = a.show(result, func(t *table) {
				if !brief {
					explain(t, lines)
				}
				for _, n := range notes {
					t.line("note: %s", n)
				}
				if len(problems) == 0 {
					t.line("%s is in order.", a.configPath)
				}
			})
			if err != nil || len(problems) == 0 {
				return err
			}
			for _, p := range problems {
				fmt.Fprintln(a.err, "error:", p)
				if p.Hint != "" {
					fmt.Fprintln(a.err, "       ", p.Hint)
				}
			}
			return &mistake{err: fmt.Errorf("%s has %s", a.configPath, count(len(problems), "problem")), hint: "correct the lines named above and check again"}
		},
	}
	c.Flags().BoolVar(&brief, "brief", false, "name problems only")
	return c
}

// checkForms reads the clinic's consent forms as the service will.
func checkForms(settings config.Config) (problems config.Problems, notes []string) {
	forms := consent.EmbeddedForms()
	if dir := settings.Consent.Forms; dir != "" {
		var err error
		if forms, err = consent.LoadForms(os.DirFS(dir)); err != nil {
			for _, line := range strings.Split(err.Error(), "\n") {
				problems = append(problems, config.Problem{Path: "consent.forms", What: line})
			}
			return problems, nil
		}
	}
	return nil, forms.Notes(settings.Kiosk.Languages)
}

// checkSpeech reads the speech packs as the service will, which can do without.
func checkSpeech(settings config.Config) (problems config.Problems, notes []string) {
	dir := settings.Web.Speech
	if dir == "" {
		return nil, []string{"web.speech is empty: the page cannot be read aloud, and the board only chimes"}
	}
	var texts fs.FS
	if settings.Web.Texts != "" {
		texts = os.DirFS(settings.Web.Texts)
	}
	voices, err := web.Voices(os.DirFS(dir), settings.Kiosk.Languages, texts)
	if err != nil {
		return config.Problems{{Path: "kiosk.languages", What: err.Error()}}, nil
	}
	for _, v := range voices {
		switch {
		case errors.Is(v.Err, fs.ErrNotExist):
			notes = append(notes, fmt.Sprintf("there is no %s.speech in web.speech: in that language nothing is read aloud", v.Language))
		case v.Err != nil:
			problems = append(problems, config.Problem{Path: "web.speech", Value: v.Language + ".speech", What: v.Err.Error(), Hint: "copy the file again, or build it again with `make speech`"})
		case v.Missing > 0:
			notes = append(notes, fmt.Sprintf("%s.speech is of another version and cannot say %s of the page: build it again with `make speech`", v.Language, count(v.Missing, "text")))
		}
	}
	return problems, notes
}

func explain(t *table, lines []config.Explanation) {
	defaults := false
	for _, e := range lines {
		if e.Line == 0 && !defaults {
			defaults = true
			t.line("Not in the file, so the default holds:")
			t.line("")
		}
		where := "      "
		if e.Line > 0 {
			where = fmt.Sprintf("%5d ", e.Line)
		}
		t.line("%s%s = %s", where, e.Path, e.Value)
		for _, l := range wrap(e.Doc, 72) {
			t.line("          %s", l)
		}
	}
	t.line("")
}

// wrap breaks text into lines of at most width bytes where it has blanks.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (a *app) configShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "Print the settings in force, defaults included",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			settings, err := a.load()
			if err != nil {
				return err
			}
			text := config.Render(settings)
			if a.json {
				return a.show(map[string]string{"path": a.configPath, "toml": text}, nil)
			}
			_, err = fmt.Fprint(a.out, text)
			return err
		},
	}
}
