package main

import (
	"errors"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/control"
	"clinicgate/gateway/service"
	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
)

func (a *app) consentCommand() *cobra.Command {
	return group("consent", "See what a patient of today agreed to, and take a consent back", a.consentList(), a.consentRevoke(), a.consentSignature())
}

func (a *app) consentList() *cobra.Command {
	var appointment string
	c := &cobra.Command{
		Use:   "list [ENTRY]",
		Short: "List a patient's consents and the records behind them; no names",
		Long: `Lists what a patient's consents amount to now, and every record of a decision that
this kiosk holds. ENTRY is today's ticket, such as A-017, or the entry's id. Reading
them is recorded in the audit log. While no service runs, they are of a copy of the
store, and the next start records it.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := control.ConsentQuery{Entry: strings.Join(args, ""), Appointment: kiosk.AppointmentID(appointment)}
			return askOrCopy(a, c.Context(), func(s *control.Client) (control.ConsentList, error) { return s.ConsentList(c.Context(), in) },
				func(s *gateway.Copy) (control.ConsentList, error) {
					return s.Consents(c.Context(), control.ThisAccount(), in, service.Adopt)
				}, showConsents)
		},
	}
	c.Flags().StringVar(&appointment, "appointment", "", "an appointment of today, by its id, instead of an entry")
	return c
}

func (a *app) consentRevoke() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "revoke CONSENT",
		Short: "Take a consent back; the grant stays on record",
		Long: `Records that a consent is taken back. CONSENT is the id of the record that granted
it, as ` + "`clinicgate consent list`" + ` shows it.

Reasons: ` + words(consent.Reasons()) + `.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := uuid.Parse(args[0])
			if err != nil {
				return &control.Error{Code: control.Invalid, Message: "a consent is named by the id of its record", Next: "`clinicgate consent list ENTRY` shows the ids"}
			}
			return ask(a, c.Context(), func(s *control.Client) (control.ConsentList, error) {
				return s.ConsentRevoke(c.Context(), control.ConsentRevoke{Record: id, Reason: consent.Reason(reason)})
			}, showConsents)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why: "+words(consent.Reasons()))
	return c
}

func (a *app) consentSignature() *cobra.Command {
	return &cobra.Command{
		Use:   "signature CONSENT FILE",
		Short: "Take out what was typed or drawn as a signature, as an SVG file",
		Long: `Writes the signature of a consent into a new file, a picture (SVG) that any browser
shows. CONSENT is the id of the record, as ` + "`clinicgate consent list`" + ` shows it. The
file names a person: keep it where such files are kept. A signature is held only on
the kiosk where it was given. Taking it out is recorded in the audit log.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			id, err := uuid.Parse(args[0])
			if err != nil {
				return &control.Error{Code: control.Invalid, Message: "a consent is named by the id of its record", Next: "`clinicgate consent list ENTRY` shows the ids"}
			}
			return ask(a, c.Context(), func(s *control.Client) (g control.ConsentSignature, err error) {
				file, err := os.OpenFile(args[1], os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
				if err != nil {
					return g, &control.Error{Code: control.Invalid, Message: "the file cannot be made, or is there already", Next: "name a new file in a folder that you may write to"}
				}
				if g, err = s.ConsentSignature(c.Context(), control.ConsentSigned{Record: id}); err == nil {
					_, err = file.WriteString(g.SVG)
				}
				if err = errors.Join(err, file.Close()); err != nil {
					return g, errors.Join(err, os.Remove(args[1]))
				}
				g.SVG = "" // it is in the file, and nowhere else
				return g, nil
			}, showSignature)
		},
	}
}

func showSignature(t *table, g control.ConsentSignature) {
	t.row("CONSENT", "TYPE", "WHEN", "HOW", "BY", "SHA-256")
	r := g.Record
	t.row(r.ID, r.Type, r.At.Local().Format("2006-01-02 15:04"), r.Method, r.Relation, g.SHA256)
}

func showConsents(t *table, l control.ConsentList) {
	t.row("PATIENT", l.Patient, l.Ticket)
	t.line("")
	t.row("TYPE", "STANDING", "UNTIL")
	for _, s := range l.Standings {
		t.row(s.Type, s.Standing, dayOf(s.Until))
	}
	t.line("")
	t.row("CONSENT", "TYPE", "DECISION", "WHEN", "UNTIL", "VERSION", "LANGUAGE", "HOW", "BY", "INTERPRETER", "REASON")
	for _, r := range l.Records {
		interpreter := ""
		if r.Interpreter {
			interpreter = "present"
		}
		t.row(r.ID, r.Type, r.Decision, r.At.Local().Format("2006-01-02 15:04"), dayOf(r.Until), r.Version, r.Language, r.Method, r.Relation, interpreter, r.Reason)
	}
}

func dayOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.DateOnly)
}
