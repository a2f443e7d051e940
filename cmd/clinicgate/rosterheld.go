package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
)

func (a *app) rosterHeld() *cobra.Command {
	return &cobra.Command{
		Use:   "held",
		Short: "List what the watched folder holds back for a person",
		Long: `Lists the files of roster.folder that were not imported: for another day than those
expected (other-day), with more than 30 % of the appointments missing that are held of
the day (shrunk), half-written, without a usable row (nothing), unreadable, too-large,
or imported and still there (not-removed). They are named by what is in them, never by
their file's name, which may be about a person. The desk's page shows them too.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.HeldLists, error) { return s.RosterHeld(c.Context()) }, heldShown)
		},
	}
}

func heldShown(t *table, l control.HeldLists) {
	if len(l.Lists) == 0 {
		t.line("no list waits for a person")
		return
	}
	t.row("ID", "WHY", "SINCE", "APPOINTMENTS", "FOR")
	for _, h := range l.Lists {
		t.row(h.ID, h.Why, ago(h.Since, time.Now()), h.Rows, strings.Join(h.Days, ", "))
	}
}

func (a *app) rosterAccept() *cobra.Command {
	return &cobra.Command{
		Use:   "accept ID",
		Short: "Import a list that is held back",
		Long: `Imports a list that ` + "`roster held`" + ` names, whatever it is held for, as
` + "`roster import --force`" + ` does with its file, and removes the file. Appointments that are
missing in it stay. Exit code 5 when a row was not taken.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.imported(c.Context(), func(s *control.Client) (control.RosterImported, error) {
				return s.RosterAccept(c.Context(), control.HeldDecision{ID: args[0]})
			})
		},
	}
}

func (a *app) rosterRefuse() *cobra.Command {
	return &cobra.Command{
		Use:   "refuse ID",
		Short: "Throw a list away that is held back",
		Long: `Removes the file of a list that ` + "`roster held`" + ` names, without importing it, and lists
what is still held. The appointments stay as they are.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.HeldLists, error) {
				return s.RosterRefuse(c.Context(), control.HeldDecision{ID: args[0]})
			}, heldShown)
		},
	}
}
