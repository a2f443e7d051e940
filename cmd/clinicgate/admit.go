package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"
)

func (a *app) queueAdmit() *cobra.Command {
	var happened string
	c := &cobra.Command{
		Use:   "admit APPOINTMENT",
		Short: "Check in a person of today's list whom you have identified",
		Long: `Checks in a person of today's list, as the page would, and gives the number.
APPOINTMENT is the appointment's id in the clinic's own list. A visit by video
stays checked-in until its consent is given.

With --happened-at it is a person who came while the kiosk was out of order: the
place in the queue is that of the time on paper. Enter who came first, then who was
called and seen, each in the order in which it happened.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.QueueEntry, error) {
				return s.Admit(c.Context(), control.Admit{Appointment: kiosk.AppointmentID(args[0]), HappenedAt: happened})
			}, entryShown)
		},
	}
	happenedAt(c, &happened)
	return c
}

func (a *app) queueWalkIn() *cobra.Command {
	var in control.WalkIn
	var name, born bool
	c := &cobra.Command{
		Use:   "walk-in --department DEPARTMENT --reason CODE",
		Short: "Check in a person without an appointment",
		Long: `Gives a person without an appointment a number and a place in the queue. CODE is one
of checkin.walk_in_reasons in the config.

With --name the name is read, and with --born the birth date after it: asked for at
the terminal, or one line each of standard input. They are never arguments, since
other users of the machine can see those. The name is shown at the desks of all
kiosks, travels sealed, and is forgotten with the day's list.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if in.Department == "" || in.Reason == "" {
				return &mistake{err: fmt.Errorf("a walk-in needs a department and a reason"), hint: "give --department and --reason; `clinicgate queue walk-in --help` says more"}
			}
			lines := a.lines()
			for _, l := range []struct {
				wanted bool
				prompt string
				into   *string
			}{{name, "name (family name, given names): ", &in.Name}, {born, "birth date (1980-02-29): ", &in.Birth}} {
				if !l.wanted {
					continue
				}
				text, err := lines(l.prompt)
				if err != nil {
					return err
				}
				*l.into = text
			}
			return ask(a, c.Context(), func(s *control.Client) (control.QueueEntry, error) { return s.WalkIn(c.Context(), in) }, entryShown)
		},
	}
	c.Flags().StringVar((*string)(&in.Department), "department", "", "where to wait")
	c.Flags().StringVar(&in.Reason, "reason", "", "why, as one of checkin.walk_in_reasons")
	c.Flags().BoolVar(&name, "name", false, "read the name")
	c.Flags().BoolVar(&born, "born", false, "read the birth date")
	happenedAt(c, &in.HappenedAt)
	return c
}

func (a *app) queueMatch() *cobra.Command {
	return a.entryCommand("match ENTRY APPOINTMENT", "Say which appointment a provisional arrival or a walk-in was for", 2,
		func(ctx context.Context, s *control.Client, args []string) (control.QueueEntry, error) {
			return s.Match(ctx, control.Match{Entry: args[0], Appointment: kiosk.AppointmentID(args[1])})
		})
}

const maxLine = 1024 // bytes

// lines reads what may not be an argument, a line for each call: asked for at a
// terminal, else what is piped in.
func (a *app) lines() func(prompt string) (string, error) {
	f, ok := a.stdin.(*os.File)
	asks := ok && term.IsTerminal(int(f.Fd()))
	in := bufio.NewReader(io.LimitReader(a.stdin, 2*maxLine))
	return func(prompt string) (string, error) {
		if asks {
			fmt.Fprint(a.err, prompt)
		}
		line, err := in.ReadString('\n')
		if err != nil && err != io.EOF {
			return "", fmt.Errorf("cannot read standard input: %w", err)
		}
		line = strings.TrimSpace(line)
		if line == "" || len(line) > maxLine {
			return "", &mistake{err: fmt.Errorf("a line is missing on standard input, or too long"), hint: "pipe in one line for --name and one for --born, in this order"}
		}
		return line, nil
	}
}
