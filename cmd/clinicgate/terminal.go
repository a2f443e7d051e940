package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

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
//   - nothing about a person, no key and no token is written, except by the
//     commands whose result that is (launch, keys recovery init, roster codes).
type terminal struct {
	out, err io.Writer
	json     bool
}

const jsonVersion = 1

// show writes a result, for people or as JSON.
func (t *terminal) show(data any, human func(*table)) error {
	if t.json {
		text, err := json.MarshalIndent(struct {
			Version int `json:"version"`
			Data    any `json:"data"`
		}{jsonVersion, data}, "", "  ")
		if err != nil {
			return fmt.Errorf("cannot write result: %w", err)
		}
		_, err = fmt.Fprintf(t.out, "%s\n", text)
		return err
	}
	w := &table{w: tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)}
	human(w)
	return w.w.Flush()
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
type table struct{ w *tabwriter.Writer }

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
