package main

import (
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
)

func (a *app) diagCommand() *cobra.Command {
	return group("diag", "The diagnostics page on the kiosk's own screen", a.diagOpen(), a.diagClose(), a.diagStatus())
}

func (a *app) diagOpen() *cobra.Command {
	return &cobra.Command{
		Use:   "open",
		Short: "Print a code that opens the page once within ten minutes",
		Long: `Prints a code of eight digits that opens the diagnostics page on the kiosk's screen.
While nobody checks in, touch the mark in the corner of the start screen five times
within four seconds, or press Ctrl+Alt+D on a keyboard, and enter the code. It works
once; five wrong codes void it, and so does another ` + "`clinicgate diag open`" + `.
The page closes by its button, after three minutes without a touch, and as soon as a
patient's code is scanned.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.DiagOpened, error) { return s.DiagOpen(c.Context()) },
				func(t *table, d control.DiagOpened) {
					t.row("code", d.Code)
					t.row("until", d.Expires.Local().Format("15:04"))
					t.row("at the kiosk", "touch the mark in the corner five times, or press Ctrl+Alt+D")
				})
		},
	}
}

func (a *app) diagClose() *cobra.Command {
	return &cobra.Command{
		Use:   "close",
		Short: "Close the page, and void the code",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.DiagStatus, error) { return s.DiagClose(c.Context()) },
				func(t *table, d control.DiagStatus) {
					switch {
					case d.Open:
						t.line("the page of %s is closed", d.By)
					case d.Code:
						t.line("the code of %s is void", d.CodeBy)
					default:
						t.line("the page was not open")
					}
				})
		},
	}
}

func (a *app) diagStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Tell whether the page is open, by whom, and whether a code is out",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.DiagStatus, error) { return s.DiagStatus(c.Context()) },
				func(t *table, d control.DiagStatus) {
					page, code := "closed", "none"
					if d.Open {
						page = "open for " + lasting(time.Since(d.Opened)) + ", by " + d.By
					}
					if d.Code {
						code = "of " + d.CodeBy + ", until " + d.Expires.Local().Format("15:04")
						if d.Wrong > 0 {
							code += ", typed wrong " + count(d.Wrong, "time")
						}
					}
					t.row("page", page)
					t.row("code", code)
				})
		},
	}
}
