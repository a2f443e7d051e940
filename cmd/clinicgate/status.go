package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Is it working? One screen about the running service",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.Status, error) { return s.Status(c.Context()) }, showStatus)
		},
	}
}

func showStatus(t *table, s control.Status) {
	t.row("service", fmt.Sprintf("clinicgate %s on %s (%s), pid %d, for %s", s.Version, s.Kiosk, s.Site, s.Pid, lasting(s.Now.Sub(s.Started))))
	browser := "no browser has it open"
	if s.Page.Browser {
		browser = "open in the browser"
	}
	t.row("page", s.Page.Listen+", "+browser)
	if len(s.Page.Speaks) > 0 {
		t.row("", "can be read aloud in "+strings.Join(s.Page.Speaks, ", "))
	} else {
		t.row("", "cannot be read aloud: web.speech has no speech for it")
	}
	if s.Page.Board != "" {
		t.row("board", s.Page.Board)
	}
	if s.Page.Desk != "" {
		t.row("desk", s.Page.Desk)
	}
	t.row("queue", fmt.Sprintf("%d open, %d unfinished, calls for help: %d", s.Queue.Open, s.Queue.Unfinished, s.Queue.Help))
	if n := s.Queue.WaitsPromised; n > 0 {
		t.row("waits", fmt.Sprintf("%d %% of %d kept what was promised today, %d %% were over ten minutes late", 100*s.Queue.WaitsMet/n, n, 100*s.Queue.WaitsLate/n))
	}
	if s.Roster.Day == "" {
		t.row("roster", "no appointments")
	} else {
		t.row("roster", fmt.Sprintf("%s of %s, imported %s", count(s.Roster.Appointments, "appointment"), s.Roster.Day, ago(s.Roster.Imported, s.Now)))
	}
	if s.Roster.Held > 0 {
		t.row("", count(s.Roster.Held, "list")+" of the watched folder held back: `clinicgate roster held` names them")
	}
	t.row("store", fmt.Sprintf("%s, %s of %s used, %d audit records, checkpoint %s", s.Store.State, size(s.Store.Used), size(s.Store.Budget), s.Store.AuditSize, ago(s.Store.Checkpoint, s.Now)))
	if s.Store.Recovered != "" {
		t.row("", s.Store.Recovered)
	}
	if s.Store.Salvages > 0 {
		t.row("", fmt.Sprintf("salvaged %s, %s lost in all; the audit log names them", count(int(s.Store.Salvages), "time"), count(int(s.Store.Lost), "record")))
	}
	showLink(t, s.Sync, s.Now)
	clock := "no trusted time yet"
	if s.Synced {
		clock = "trusted"
	}
	t.row("clock", clock+", "+s.Now.UTC().Format(time.RFC3339))
	there := 0
	for _, d := range s.Devices {
		if d.State == "attached" {
			there++
		}
	}
	t.row("devices", fmt.Sprintf("%d of %d there", there, len(s.Devices)))
	showChecks(t, s)
}

func showChecks(t *table, s control.Status) {
	ok := 0
	for _, c := range s.Checks {
		if c.State == doctor.OK || c.State == doctor.Skipped {
			ok++
		}
	}
	t.row("checks", fmt.Sprintf("%d of %d have nothing to report", ok, len(s.Checks)))
	for _, c := range s.Checks {
		if c.State != doctor.Warn && c.State != doctor.Fail {
			continue
		}
		t.line("")
		t.line("%s  %s: %s (for %s)", c.State, c.ID, c.Detail, lasting(s.Now.Sub(c.Since)))
		t.line("      hint: %s", c.Hint)
	}
}

func showLink(t *table, s control.SyncSummary, now time.Time) {
	link := "offline"
	if s.Online {
		link = "online"
	}
	waiting := "nothing waits"
	if s.Queued > 0 {
		waiting = fmt.Sprintf("%s wait, the oldest was made %s", count(int(s.Queued), "event"), ago(s.Oldest, now))
	}
	t.row("sync", fmt.Sprintf("%s at %s, last publish %s, %s", link, s.Origin, ago(s.LastPublish, now), waiting))
	if s.LastError != "" {
		t.row("", "last failure: "+s.LastError)
	}
	showExchange(t, s.Exchange, now)
	switch {
	case !s.Token.Needed:
	case s.Token.Problem != "":
		t.row("token", s.Token.Problem)
	case !s.Token.Held:
		t.row("token", "there is none")
	default:
		t.row("token", tokenTime(s.Token.Expires, now))
	}
}

// showExchange is one line of the site's kiosks.
func showExchange(t *table, e *control.Exchange, now time.Time) {
	if e == nil {
		return
	}
	link := "connected to " + e.Broker
	if !e.Connected {
		link = "no connection to " + e.Broker
	}
	heard := 0
	for _, p := range e.Kiosks {
		if now.Sub(p.Heard) < control.SiteQuiet {
			heard++
		}
	}
	t.row("site", fmt.Sprintf("%s, %d of %s heard, last %s", link, heard, count(len(e.Kiosks), "other kiosk"), ago(e.LastHeard, now)))
	if e.Reason != "" {
		t.row("", e.Reason)
	}
	if e.Hint != "" {
		t.row("", e.Hint)
	}
}

func tokenTime(expires, now time.Time) string {
	if !now.Before(expires) {
		return "expired " + ago(expires, now)
	}
	return "good for " + lasting(expires.Sub(now))
}
