package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"
)

func (a *app) retentionCommand() *cobra.Command {
	return group("retention", "What this kiosk keeps, and until when", a.retentionShow(), a.retentionRun())
}

// keptKind is one kind of event, as `retention show` has it.
type keptKind struct {
	Kind      string `json:"kind"`
	Hours     int    `json:"hours"` // 0: for ever
	Delivered bool   `json:"delivered"`
	Droppable bool   `json:"droppable"`
}

func (a *app) retentionShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show",
		Short: "What is kept here for how long",
		Long: `Lists the kinds of events and for how long this kiosk keeps each. What is to be
published stays until it was delivered, however old it is; what is droppable may go
unsent when it is too old or the store is full. Every 15 minutes what is over its time
is taken away, and only by a trusted clock. Ids stay 48 hours longer, so that a late
retry is known, and the audit log's hashes stay for good, so that it can be verified.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			list := []keptKind{}
			for _, k := range kiosk.Kinds() {
				list = append(list, keptKind{Kind: k.Name, Hours: int(k.Retain.Age / time.Hour), Delivered: !k.Local, Droppable: k.Droppable})
			}
			return a.show(list, func(t *table) {
				t.row("KIND", "KEPT", "STAYS UNTIL DELIVERED")
				for _, k := range list {
					kept := "for ever"
					if k.Hours > 0 {
						kept = lasting(time.Duration(k.Hours) * time.Hour)
					}
					stays := yesNo(k.Delivered && !k.Droppable)
					if !k.Delivered {
						stays = "never leaves"
					}
					t.row(k.Kind, kept, stays)
				}
			})
		},
	}
}

func (a *app) retentionRun() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Take away now what is over its time",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			draw, wipe := a.terminal.progress()
			defer wipe()
			return ask(a, c.Context(), func(s *control.Client) (control.Retained, error) { return s.Retain(c.Context(), draw) }, func(t *table, r control.Retained) {
				t.line("%s", fmt.Sprintf("from %s to %s in use", size(r.Before), size(r.After)))
			})
		},
	}
}
