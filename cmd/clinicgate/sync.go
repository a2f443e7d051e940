package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
)

func (a *app) syncCommand() *cobra.Command {
	return group("sync", "The way to PubNub", &cobra.Command{
		Use:   "status",
		Short: "Account for every event: accepted = delivered + queued + quarantined + expired + dropped + unreadable",
		Long: `Prints the loss equation, in total and per channel, what waits per urgency and
since when, and how the link to PubNub is. The equation covers the events that
this kiosk made and that are to be published. Exit code 5 when it does not hold.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			balanced := true
			err := ask(a, c.Context(), func(s *control.Client) (control.SyncStatus, error) {
				status, err := s.Sync(c.Context())
				balanced = err != nil || status.Balanced
				return status, err
			}, func(t *table, s control.SyncStatus) { showSync(t, s, time.Now()) })
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
