package main

import (
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
)

func (a *app) breakGlassCommand() *cobra.Command {
	return group("break-glass", "Take a role in an emergency, for a while and seen by everybody", a.glassOpen(), a.glassList(), a.glassEnd())
}

func (a *app) glassOpen() *cobra.Command {
	var in control.BreakGlass
	lasts := control.GlassUsual
	c := &cobra.Command{
		Use:   "open --role ROLE --reason REASON --reference NUMBER",
		Short: "Take a role that this account does not have",
		Long: `Gives this account a role for an hour, or for what --for says, 8 hours at most, while
nobody who has the role can be reached. It needs no network. It is not silent: the
desk's page and ` + "`clinicgate status`" + ` show it, and the audit log has who took what, why,
each use and the end. It is not prolonged: end it and take it again, with the reason of
then. It ends with the service's process too. An account without any role cannot.

Roles: desk (see and call patients), technician (devices, repairs, diagnosis), pins (give
a member of staff a new PIN with ` + "`clinicgate desk pin`" + `). Never admin.

Reasons: ` + words(control.GlassReasons()) + `.
The reference is the number of a paper or ticket where somebody wrote down why, such as
INC-4711. Never write about a patient here.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if in.Seconds = int(lasts / time.Second); in.Seconds == 0 {
				in.Seconds = -1
			}
			return ask(a, c.Context(), func(s *control.Client) (control.Glass, error) { return s.BreakGlass(c.Context(), in) }, func(t *table, g control.Glass) {
				t.line("%s has the role %s until %s (%s); everybody at the desk sees it", g.By, g.Role, g.Until.Local().Format("15:04"), g.ID)
				t.line("end it as soon as you can: clinicgate break-glass end %s", g.ID)
			})
		},
	}
	f := c.Flags()
	f.StringVar(&in.Role, "role", "", "desk, technician or pins")
	f.StringVar((*string)(&in.Reason), "reason", "", "why: "+words(control.GlassReasons()))
	f.StringVar(&in.Reference, "reference", "", "where it is written down, such as INC-4711")
	f.DurationVar(&lasts, "for", lasts, "how long, 1m to 8h")
	return c
}

func (a *app) glassList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the roles that were taken",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.Glasses, error) { return s.Glasses(c.Context()) }, showGlasses)
		},
	}
}

func (a *app) glassEnd() *cobra.Command {
	return &cobra.Command{
		Use:   "end ID",
		Short: "Give a role back, or take it away from who took it",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.Glasses, error) {
				return s.EndGlass(c.Context(), control.GlassEnd{ID: args[0]})
			}, showGlasses)
		},
	}
}

func showGlasses(t *table, l control.Glasses) {
	if len(l.Open) == 0 {
		t.line("no role is taken")
		return
	}
	t.row("ID", "ACCOUNT", "ROLE", "REASON", "REFERENCE", "UNTIL", "USES")
	for _, g := range l.Open {
		t.row(g.ID, g.By, g.Role, g.Reason, g.Reference, g.Until.Local().Format("2006-01-02 15:04"), g.Uses)
	}
}
