package main

import (
	"bytes"
	"strings"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/kiosk/roster/feed"
)

// rosterLimit bounds a file of appointments, as the service does.
const rosterLimit = control.MaxRoster

// readList reads a file of appointments by the config's mapping. A list that is
// half-written is there in part, with or without an error.
func (a *app) readList(path string, settings config.Config) (feed.List, error) {
	data, err := a.readInput(path, rosterLimit)
	if err != nil {
		return feed.List{}, err
	}
	list, err := feed.Read(data, gateway.RosterMapping(settings))
	if err != nil && list.Ending != feed.Cut {
		return list, &mistake{err: err, hint: "[roster] in the config says how the file is read; `clinicgate roster import --help` names our own columns"}
	}
	return list, nil
}

func (a *app) rosterCheck() *cobra.Command {
	return &cobra.Command{
		Use:   "check FILE",
		Short: "Show how a list of appointments is read, names masked (- for standard input)",
		Long: `Reads a list of appointments (CSV, HL7 SIU or FHIR) as ` + "`roster import`" + ` would, by
[roster] of the config, and shows what came of it: each appointment with its name
masked, each cancellation, and each row that was left out or lost a part, by line and
reason. Nothing is imported and no service is needed. Exit code 5 when a row was left
out or the file is half-written.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			settings, err := a.load()
			if err != nil {
				return err
			}
			list, err := a.readList(args[0], settings)
			if err != nil {
				return err
			}
			var masked bytes.Buffer
			if err := feed.Preview(&masked, list, settings.Kiosk.Location()); err != nil {
				return err
			}
			if err := a.show(newRosterReading(list), func(t *table) {
				for line := range strings.Lines(masked.String()) {
					t.line("%s", strings.TrimSuffix(line, "\n"))
				}
			}); err != nil {
				return err
			}
			if list.Ending == feed.Cut {
				return &found{what: "the file ends in the middle of something", hint: "wait until it is written to the end, or export it again"}
			}
			return leftOut(list)
		},
	}
}

// rosterReading is what a list was read as; it holds nobody's name.
type rosterReading struct {
	Format       feed.Format     `json:"format"`
	Ending       feed.Ending     `json:"ending"`
	Appointments []readRow       `json:"appointments"`
	Cancelled    []readCancelled `json:"cancelled"`
	Refused      int             `json:"refused"`
	Problems     []readProblem   `json:"problems"`
}

type readRow struct {
	ID         kiosk.AppointmentID `json:"id"`
	Day        kiosk.Day           `json:"day"`
	Start      kiosk.Timestamp     `json:"start"`
	Department kiosk.DepartmentID  `json:"department"`
	Provider   kiosk.ProviderID    `json:"provider,omitempty"`
	Mode       kiosk.Mode          `json:"mode"`
	Language   string              `json:"language,omitempty"`
}

type readCancelled struct {
	ID     kiosk.AppointmentID `json:"id"`
	Day    kiosk.Day           `json:"day,omitempty"`
	NoShow bool                `json:"noShow,omitempty"`
}

type readProblem struct {
	Line   int    `json:"line"`
	Column string `json:"column,omitempty"`
	Reason string `json:"reason"`
}

func newRosterReading(l feed.List) rosterReading {
	r := rosterReading{Format: l.Format, Ending: l.Ending, Refused: l.Refused, Appointments: []readRow{}, Cancelled: []readCancelled{}, Problems: []readProblem{}}
	for _, a := range l.Appointments {
		r.Appointments = append(r.Appointments, readRow{a.ID, a.Day, kiosk.At(a.Start), a.Department, a.Provider, a.Mode, a.Language})
	}
	for _, c := range l.Cancelled {
		r.Cancelled = append(r.Cancelled, readCancelled(c))
	}
	for _, p := range l.Problems {
		r.Problems = append(r.Problems, readProblem(p))
	}
	return r
}

// leftOut says how many rows a list lost.
func leftOut(l feed.List) error {
	if l.Refused == 0 {
		return nil
	}
	return &found{what: count(l.Refused, "row") + " left out", hint: "correct the lines named above, or [roster] in the config"}
}
