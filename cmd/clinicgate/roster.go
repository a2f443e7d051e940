package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
	"clinicgate/storage/keyring"
)

func (a *app) rosterCommand() *cobra.Command {
	return group("roster", "The list of appointments", a.rosterCheck(), a.rosterImport(), a.rosterHeld(), a.rosterAccept(), a.rosterRefuse(), a.rosterCodes(), a.rosterKeygen())
}

// readInput reads a file, or standard input for "-", of at most limit bytes.
func (a *app) readInput(path string, limit int64) ([]byte, error) {
	from := a.stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, &mistake{err: fmt.Errorf("cannot read file: %w", err), hint: "- reads standard input"}
		}
		defer f.Close()
		from = f
	}
	data, err := io.ReadAll(io.LimitReader(from, limit+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read file: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, &mistake{err: fmt.Errorf("%s is larger than %s", path, size(limit)), hint: "split it by day or department"}
	}
	return data, nil
}

func (a *app) rosterImport() *cobra.Command {
	force := false
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Import a list of appointments (- for standard input)",
		Long: `Imports a list of appointments: CSV, HL7 SIU or FHIR, read as [roster] of the running
service's config says; ` + "`roster check`" + ` shows how. Without settings it reads CSV with the
columns appointment_id, patient_id, family_name, given_name, native_name, birth_date,
department, provider, start, mode, language, phone_last2, code, card, status. Rows that cannot
be used are named by line and reason, the others are kept. Importing the same file again
changes nothing. A file that ends in the middle of something is taken with --force
only, which the audit log keeps. Exit code 5 when a row was not taken.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := a.readInput(args[0], rosterLimit)
			if err != nil {
				return err
			}
			return a.imported(c.Context(), func(s *control.Client) (control.RosterImported, error) {
				return s.RosterImport(c.Context(), control.RosterImport{List: list, Force: force})
			})
		},
	}
	c.Flags().BoolVar(&force, "force", false, "take a half-written file, or one that the service holds back")
	return c
}

// imported imports a list and shows what became of its rows.
func (a *app) imported(ctx context.Context, take func(*control.Client) (control.RosterImported, error)) error {
	rejected := 0
	err := ask(a, ctx, func(s *control.Client) (control.RosterImported, error) {
		r, err := take(s)
		rejected = r.Refused
		return r, err
	}, func(t *table, r control.RosterImported) {
		days := strings.Join(r.Days, ", ")
		if days == "" {
			days = "no day"
		}
		t.line("%s for %s imported, %d of them new or changed", count(r.Rows, "appointment"), days, r.Changed)
		if r.Gone > 0 {
			t.line("%s cancelled or moved from another day", count(r.Gone, "appointment"))
		}
		for _, row := range r.Rejected {
			t.line("line %d: %s", row.Line, row.Reason)
		}
	})
	if err == nil && rejected > 0 {
		err = &found{what: count(rejected, "row") + " not taken", hint: "correct the lines named above and import the file again"}
	}
	return err
}

func (a *app) rosterKeygen() *cobra.Command {
	return &cobra.Command{
		Use:   "keygen FILE",
		Short: "Make the key that signs appointment codes",
		Long: `Makes an Ed25519 key and writes its private half to FILE (PEM, PKCS #8), for
` + "`roster codes`" + ` on the machine that makes the appointment codes. It prints the public
half in the form that ` + "`keys import`" + ` reads on the kiosks. The private half belongs on
no kiosk: whoever has it can make codes.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			public, private, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				return err
			}
			if err := writeCodeKey(args[0], private); err != nil {
				return err
			}
			form := struct {
				Kind  keyring.Kind `json:"kind"`
				ID    string       `json:"id"`
				Value string       `json:"value"`
			}{keyring.AppointmentCode, keyring.Fingerprint(public), base64.StdEncoding.EncodeToString(public)}
			return a.show(form, func(t *table) { t.line(`{"kind":%q,"id":%q,"value":%q}`, form.Kind, form.ID, form.Value) })
		},
	}
}

func writeCodeKey(path string, private ed25519.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return &mistake{err: fmt.Errorf("cannot write key: %w", err), hint: "name a file that is not there yet"}
	}
	err = pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("cannot write key: %w", err)
	}
	return nil
}
