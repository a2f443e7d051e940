package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"clinicgate/gateway/control"
)

// Rules of what is written:
//
//   - results go to out, everything else to err;
//   - with --json the result is one JSON document {"version":1,"data":...}: a
//     member may be added, none changes its meaning while version stays;
//   - an error is one or more lines "error: ..." and a line "hint: ..." on err,
//     with --json too; the exit code tells which kind;
//   - progress is drawn on err only when it is a terminal, and wiped after;
//   - no key and no token is written, except by the commands whose result that is
//     (launch, keys recovery init, roster codes), and nothing about a person except
//     with --reveal, which the service records.
type terminal struct {
	out, err io.Writer
	json     bool
}

const jsonVersion = 1

// document is the form of every result.
type document struct {
	Version int `json:"version"`
	Data    any `json:"data"`
}

// show writes a result, for people or as JSON.
func (t *terminal) show(data any, human func(*table)) error {
	if t.json {
		text, err := json.MarshalIndent(document{jsonVersion, data}, "", "  ")
		if err != nil {
			return fmt.Errorf("cannot write result: %w", err)
		}
		_, err = fmt.Fprintf(t.out, "%s\n", text)
		return err
	}
	return show(t.out, t.colours(), human)
}

func show(to io.Writer, colours bool, human func(*table)) error {
	w := &table{w: tabwriter.NewWriter(to, 0, 0, 2, ' ', 0), colours: colours}
	human(w)
	return w.w.Flush()
}

// isTerminal reports whether results go to a terminal.
func (t *terminal) isTerminal() bool {
	f, ok := t.out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// colours reports whether words may be coloured (https://no-color.org).
func (t *terminal) colours() bool {
	return t.isTerminal() && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// progress draws how far long work is.
func (t *terminal) progress() (draw func(control.Progress), wipe func()) {
	f, ok := t.err.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func(control.Progress) {}, func() {}
	}
	const width = 30
	return func(p control.Progress) {
			if p.Total == 0 {
				fmt.Fprintf(f, "\r%d %s ", p.Done, p.Unit)
				return
			}
			full := int(min(p.Done, p.Total) * width / p.Total)
			fmt.Fprintf(f, "\r[%s%s] %3d %%", strings.Repeat("=", full), strings.Repeat(" ", width-full), min(p.Done, p.Total)*100/p.Total)
		}, func() {
			fmt.Fprintf(f, "\r%s\r", strings.Repeat(" ", width+12))
		}
}

// table is aligned text for people.
type table struct {
	w       *tabwriter.Writer
	colours bool // only beside a word that says the same
}

// row writes the cells of a row. An empty cell is a dash.
func (t *table) row(cells ...any) {
	for i, c := range cells {
		if i > 0 {
			fmt.Fprint(t.w, "\t")
		}
		text := fmt.Sprint(c)
		if text == "" {
			text = "-"
		}
		fmt.Fprint(t.w, strings.Map(printable, text))
	}
	fmt.Fprintln(t.w)
}

// line writes text that is not aligned.
func (t *table) line(format string, args ...any) {
	_ = t.w.Flush()
	fmt.Fprintln(t.w, strings.Map(printable, fmt.Sprintf(format, args...)))
	_ = t.w.Flush()
}

// screenWidth is how wide a screen of facts and lists of findings may be.
const screenWidth = 80

// fact writes a label of at most 8 letters and what is said of it, in as many lines as
// it takes.
func (t *table) fact(label, text string) {
	for i, l := range fold(text, screenWidth-10) {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(t.w, "%-8s  %s\n", label, l)
	}
}

// finding writes a word of how it is, in its colour, and what was found.
func (t *table) finding(state, text string) {
	colour, plain := "", ""
	if t.colours {
		switch state {
		case "fail":
			colour, plain = "\x1b[1;31m", "\x1b[0m"
		case "warn":
			colour, plain = "\x1b[33m", "\x1b[0m"
		case "pass", "ok":
			colour, plain = "\x1b[32m", "\x1b[0m"
		}
	}
	for i, l := range fold(text, screenWidth-6) {
		if i == 0 {
			fmt.Fprintf(t.w, "%s%-4s%s  %s\n", colour, state, plain, l)
			continue
		}
		fmt.Fprintf(t.w, "      %s\n", l)
	}
}

// fold breaks text at blanks into lines of a width. A word that is longer stays whole.
func fold(text string, width int) (lines []string) {
	line := ""
	for _, word := range strings.Fields(strings.Map(printable, text)) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// printable keeps what comes from elsewhere from steering the terminal.
func printable(r rune) rune {
	if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
		return '?'
	}
	return r
}

// ago says how long before now something was.
func ago(t, now time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return lasting(now.Sub(t)) + " ago"
}

// lasting says a length of time in its largest unit that makes sense.
func lasting(d time.Duration) string {
	switch d = max(0, d); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// size says a number of bytes in the largest unit that shows it well.
func size(n int64) string {
	for _, u := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= 10*u.bytes || n > 0 && n%u.bytes == 0 {
			return fmt.Sprintf("%d %s", n/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
