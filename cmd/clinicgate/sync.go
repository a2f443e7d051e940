package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/control"
)

func (a *app) syncCommand() *cobra.Command {
	return group("sync", "The way to PubNub", &cobra.Command{
		Use:   "status",
		Short: "Account for every event: accepted = delivered + queued + quarantined + expired + dropped + unreadable",
		Long: `Prints the loss equation, in total and per channel, what waits per urgency and
since when, and how the link to PubNub is. The equation covers the events that
this kiosk made and that are to be published. While no service runs, they are of a
copy of the store. Exit code 5 when it does not hold.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			balanced := true
			judged := func(status control.SyncStatus, err error) (control.SyncStatus, error) {
				balanced = err != nil || status.Balanced
				return status, err
			}
			err := askOrCopy(a, c.Context(), func(s *control.Client) (control.SyncStatus, error) {
				return judged(s.Sync(c.Context()))
			}, func(s *gateway.Copy) (control.SyncStatus, error) { return judged(s.Sync(c.Context())) }, func(t *table, s control.SyncStatus) { showSync(t, s, time.Now()) })
			if err == nil && !balanced {
				err = &found{what: "events are not accounted for", hint: "keep a copy of the data folder and report this with `clinicgate sync status --json`"}
			}
			return err
		},
	})
}

func showSync(t *table, s control.SyncStatus, now time.Time) {
	showLink(t, s.SyncSummary, now)
	t.line("")
	t.row("CHANNEL", "LANE", "ACCEPTED", "DELIVERED", "QUEUED", "QUARANTINED", "EXPIRED", "DROPPED", "UNREADABLE", "OLDEST", "STATE")
	for _, r := range s.Streams {
		oldest := ""
		if r.Counts.Queued > 0 {
			oldest = ago(r.Oldest, now)
		}
		counts(t, r.Channel, r.Lane, r.Counts, oldest, r.State)
	}
	counts(t, "total", "", s.Total, "", "")
	t.line("")
	for _, l := range s.Lanes {
		if l.Queued > 0 {
			t.row(l.Name, fmt.Sprintf("%s wait, the oldest was made %s", count(int(l.Queued), "event"), ago(l.Oldest, now)))
		}
	}
	if s.Balanced {
		t.line("%d accepted = %d accounted for", s.Total.Accepted, s.Total.Accounted())
	} else {
		t.line("%d accepted, but %d accounted for", s.Total.Accepted, s.Total.Accounted())
	}
	for _, p := range s.Predecessors {
		t.line("")
		t.line("kiosk %s, replaced by this one (backup of %s): %s", p.Kiosk, date(p.Backup), predecessorState(p, now))
		t.line("  %d accepted = %d delivered + %d queued + %d quarantined + %d expired + %d dropped + %d unreadable",
			p.Counts.Accepted, p.Counts.Delivered, p.Counts.Queued, p.Counts.Quarantined, p.Counts.Expired, p.Counts.Dropped, p.Counts.Unreadable)
	}
	if e := s.Exchange; e != nil {
		t.line("")
		t.line("with the site's kiosks: %d said, %d said again, %d taken, %d known already%s", e.Said, e.Repeated, e.Taken, e.Duplicates, reasons(e.Refused))
		for _, p := range e.Kiosks {
			t.row(p.ID, "heard "+ago(p.Heard, now))
		}
	}
}

// reasons lists why messages were not believed.
func reasons(refused control.Refusals) string {
	if len(refused) == 0 {
		return ""
	}
	var list []string
	for _, why := range slices.Sorted(maps.Keys(refused)) {
		list = append(list, fmt.Sprintf("%s %d", why, refused[why]))
	}
	return "; not believed: " + strings.Join(list, ", ")
}

func counts(t *table, channel, lane string, c control.Counts, oldest, state string) {
	t.row(channel, lane, c.Accepted, c.Delivered, c.Queued, c.Quarantined, c.Expired, c.Dropped, c.Unreadable, oldest, state)
}

func predecessorState(p control.Predecessor, now time.Time) string {
	switch {
	case !p.Retired.IsZero():
		return "retired " + date(p.Retired)
	case p.Problem != "":
		return "waits: " + p.Problem
	case p.Counts.Queued > 0:
		return fmt.Sprintf("sending, the oldest was made %s", ago(p.Oldest, now))
	}
	return "sending"
}
