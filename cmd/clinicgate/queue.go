package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/control"
	"clinicgate/gateway/service"
	"clinicgate/kiosk"
)

func (a *app) queueCommand() *cobra.Command {
	var room, called, changed string
	call := a.entryCommand("call ENTRY", "Call a patient to a room", 1, func(ctx context.Context, s *control.Client, args []string) (control.QueueEntry, error) {
		return s.CallEntry(ctx, control.CallEntry{Entry: args[0], Room: room, HappenedAt: called})
	})
	call.Flags().StringVar(&room, "room", "", "room (default: the provider's)")
	happenedAt(call, &called)
	status := a.entryCommand("status ENTRY STATUS", "Change a status: "+words(kiosk.Statuses()), 2, func(ctx context.Context, s *control.Client, args []string) (control.QueueEntry, error) {
		return s.SetStatus(ctx, control.SetStatus{Entry: args[0], Status: kiosk.Status(args[1]), HappenedAt: changed})
	})
	happenedAt(status, &changed)
	return group("queue", "See and call patients, as the desk does", a.queueList(),
		a.queueAdmit(), a.queueWalkIn(), a.queueMatch(), call, status, a.queueRemove(),
		a.entryCommand("priority ENTRY PRIORITY", "Change a priority: "+words(kiosk.Priorities()), 2, func(ctx context.Context, s *control.Client, args []string) (control.QueueEntry, error) {
			return s.SetPriority(ctx, control.SetPriority{Entry: args[0], Priority: kiosk.Priority(args[1])})
		}),
		a.entryCommand("transfer ENTRY DEPARTMENT", "Move a patient to another department", 2, func(ctx context.Context, s *control.Client, args []string) (control.QueueEntry, error) {
			return s.Transfer(ctx, control.Transfer{Entry: args[0], Department: kiosk.DepartmentID(args[1])})
		}),
		a.entryCommand("undo ENTRY", "Take back your own last action on an entry", 1, func(ctx context.Context, s *control.Client, args []string) (control.QueueEntry, error) {
			return s.Undo(ctx, control.Undo{Entry: args[0]})
		}),
		a.queueAlarms(), a.queueAcknowledge(),
	)
}

// happenedAt is the flag of a command for what is entered later than it happened.
func happenedAt(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "happened-at", "", `when it happened, for what is entered later from paper notes: 09:40 by the
clinic's clock of today, or 2026-11-22T09:40:00-05:00 (default: now)`)
}

func words[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}

// entryCommand is a command that changes one entry and shows it.
func (a *app) entryCommand(use, short string, args int, act func(context.Context, *control.Client, []string) (control.QueueEntry, error)) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Long:  short + ".\n\nENTRY is today's ticket, such as A-017, or the entry's id.",
		Args:  cobra.ExactArgs(args),
		RunE: func(c *cobra.Command, args []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.QueueEntry, error) { return act(c.Context(), s, args) },
				entryShown)
		},
	}
}

func entryShown(t *table, e control.QueueEntry) {
	t.line("%s is %s in %s%s%s", e.Ticket, e.Status, e.Department, in(e.Room), rescheduled(e.Removed))
}

// rescheduled says of who left what the status does not.
func rescheduled(why kiosk.Removal) string {
	if why != kiosk.RemovedRescheduled {
		return ""
	}
	return ": " + string(why)
}

func in(room string) string {
	if room == "" {
		return ""
	}
	return ", room " + room
}

func (a *app) queueRemove() *cobra.Command {
	var reason, happened string
	c := a.entryCommand("remove ENTRY --reason REASON", "Take a patient off the lists who will not be seen today", 1, func(ctx context.Context, s *control.Client, args []string) (control.QueueEntry, error) {
		return s.Remove(ctx, control.Remove{Entry: args[0], Reason: kiosk.Removal(reason), HappenedAt: happened})
	})
	c.Long += `

REASON is rescheduled for who gets another appointment, and cancelled for everyone
else who goes. Who was seen is completed, and who did not come when called is a
no-show: both are statuses, and leave by themselves.`
	c.Flags().StringVar(&reason, "reason", "", "cancelled or rescheduled")
	happenedAt(c, &happened)
	return c
}

func (a *app) queueList() *cobra.Command {
	var department string
	var all, reveal bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List today's queue in its order; no names",
		Long: `Lists today's queue in its order. There are no names on the screen: with --reveal there
are, for an account with the role desk or admin, and the audit log has who asked. While
no service runs, the list is of a copy of the store; then the next start records it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			chosen := func(list control.QueueList, err error) (control.QueueList, error) {
				shown := list.Entries[:0]
				for _, e := range list.Entries {
					if (all || e.Status.Open()) && (department == "" || string(e.Department) == department) {
						shown = append(shown, e)
					}
				}
				list.Entries = shown
				return list, err
			}
			return askOrCopy(a, c.Context(), func(s *control.Client) (control.QueueList, error) {
				if reveal {
					return chosen(s.QueueReveal(c.Context()))
				}
				return chosen(s.QueueList(c.Context()))
			}, func(s *gateway.Copy) (control.QueueList, error) {
				if reveal {
					return chosen(s.Names(c.Context(), service.Adopt))
				}
				return chosen(s.Queue(c.Context()))
			}, func(t *table, l control.QueueList) { showQueue(t, l, reveal, time.Now()) })
		},
	}
	c.Flags().StringVar(&department, "department", "", "only this department")
	c.Flags().BoolVar(&all, "all", false, "also who has left the queue today")
	c.Flags().BoolVar(&reveal, "reveal", false, "with the patients' names, which is recorded")
	return c
}

func showQueue(t *table, l control.QueueList, names bool, now time.Time) {
	row := func(ticket, name string, cells ...any) {
		if names {
			cells = append([]any{name}, cells...)
		}
		t.row(append([]any{ticket}, cells...)...)
	}
	row("TICKET", "NAME", "DEPARTMENT", "PROVIDER", "STATUS", "PRIORITY", "ROOM", "CHECKED IN", "WAIT", "NOTES")
	for _, e := range l.Entries {
		wait := ""
		if e.WaitHigh > 0 {
			wait = fmt.Sprintf("%d-%d min", e.WaitLow, e.WaitHigh)
		}
		var notes []string
		for _, n := range e.Needs {
			notes = append(notes, n.String())
		}
		notes = append(notes, e.Flags...)
		if e.Unfinished && !slices.Contains(notes, string(kiosk.FlagProvisional)) {
			notes = append(notes, "unfinished")
		}
		if e.Reason != "" {
			notes = append(notes, "walk-in: "+e.Reason)
		}
		if !e.Called.IsZero() {
			notes = append(notes, "called "+ago(e.Called, now))
		}
		if e.Conflict {
			notes = append(notes, "conflict")
		}
		row(e.Ticket, e.Name, e.Department, e.Provider, e.Status, e.Priority, e.Room, ago(e.CheckIn, now), wait, strings.Join(notes, ", "))
	}
	t.line("")
	t.row("PROVIDER", "DEPARTMENT", "STATUS", "ROOM", "NAME")
	for _, p := range l.Providers {
		t.row(p.ID, p.Department, p.Status, p.Room, p.Name)
	}
}

func (a *app) queueAlarms() *cobra.Command {
	return &cobra.Command{
		Use:   "alarms",
		Short: "List the calls for help that nobody has resolved",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.HelpList, error) { return s.HelpList(c.Context()) },
				func(t *table, l control.HelpList) {
					t.row("ID", "KIND", "DEPARTMENT", "KIOSK", "RAISED", "ACKNOWLEDGED BY")
					for _, h := range l.Help {
						t.row(h.ID, h.Kind, h.Department, h.Kiosk, ago(h.Raised, time.Now()), h.AcknowledgedBy)
					}
				})
		},
	}
}

func (a *app) queueAcknowledge() *cobra.Command {
	return &cobra.Command{
		Use:   "acknowledge ID",
		Short: "Say that you take care of a call for help",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.Help, error) {
				return s.AcknowledgeHelp(c.Context(), control.AcknowledgeHelp{ID: args[0]})
			}, func(t *table, h control.Help) { t.line("%s is acknowledged by %s", h.ID, h.AcknowledgedBy) })
		},
	}
}
