package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/csv"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/roster/feed"
	"clinicgate/storage/keyring"
)

func (a *app) rosterCodes() *cobra.Command {
	var keyFile, sharedFile string
	c := &cobra.Command{
		Use:   "codes FILE",
		Short: "Make the codes of the appointments in a list",
		Long: `Reads a list of appointments as ` + "`roster import`" + ` does and prints their codes
as CSV: appointment_id, qr (the text of the QR code), typed (the code to type). It
works without a service and belongs on the machine that prints the appointment
letters: --key is the private half that ` + "`roster keygen`" + ` made, --shared-keys the file
that ` + "`keys init --shared-keys`" + ` wrote on the clinic's first kiosk. The config tells
departments, zone and site. Exit code 5 when a row could not be used.`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if keyFile == "" || sharedFile == "" {
				return &mistake{err: errors.New("--key and --shared-keys are needed"), hint: "`clinicgate roster codes --help` says where they come from"}
			}
			settings, err := a.load()
			if err != nil {
				return err
			}
			maker := roster.Maker{Site: settings.Kiosk.Site}
			if maker.Key, err = a.codeKey(keyFile); err != nil {
				return err
			}
			if maker.RefKey, err = a.referenceKey(sharedFile); err != nil {
				return err
			}
			list, err := a.readList(args[0], settings)
			if err != nil {
				return err
			}
			if list.Ending == feed.Cut {
				return &mistake{err: errors.New("the file ends in the middle of something"), hint: "`clinicgate roster check FILE` shows where"}
			}
			var codes bytes.Buffer
			if err := maker.WriteCodes(&codes, list.Appointments); err != nil {
				return err
			}
			if err := a.showCodes(codes.Bytes()); err != nil {
				return err
			}
			for _, p := range list.Problems {
				fmt.Fprintln(a.err, "error:", p)
			}
			return leftOut(list)
		},
	}
	c.Flags().StringVar(&keyFile, "key", "", "private key of the code maker (PEM)")
	c.Flags().StringVar(&sharedFile, "shared-keys", "", "the clinic's shared keys (JSON)")
	return c
}

// codeKey reads the private key that roster keygen wrote.
func (a *app) codeKey(path string) (ed25519.PrivateKey, error) {
	text, err := a.readInput(path, 64<<10)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	if block, _ := pem.Decode(text); block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if private, ok := key.(ed25519.PrivateKey); ok {
				return private, nil
			}
		}
	}
	return nil, &mistake{err: fmt.Errorf("%s holds no Ed25519 private key in PEM form", path), hint: "`clinicgate roster keygen FILE` makes one"}
}

// referenceKey finds the clinic's reference key among its shared keys.
func (a *app) referenceKey(path string) ([]byte, error) {
	text, err := a.readInput(path, maxKeysInput)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	secrets, err := keyring.ParseSecrets(bytes.NewReader(text))
	if err != nil {
		return nil, &mistake{err: err, hint: hintOf(err, "")}
	}
	for _, s := range secrets {
		if s.Kind == keyring.PatientReference {
			return s.Value.Reveal(), nil
		}
	}
	return nil, &mistake{err: fmt.Errorf("%s holds no %s key", path, keyring.PatientReference), hint: "`clinicgate keys init --shared-keys FILE` on the clinic's first kiosk writes it"}
}

// showCodes prints the codes as they are, or as JSON.
func (a *app) showCodes(codes []byte) error {
	if !a.json {
		_, err := a.out.Write(codes)
		return err
	}
	rows, err := csv.NewReader(bytes.NewReader(codes)).ReadAll()
	if err != nil || len(rows) == 0 {
		return errors.Join(errors.New("cannot write codes"), err)
	}
	data := []map[string]string{}
	for _, row := range rows[1:] {
		m := map[string]string{}
		for i, name := range rows[0] {
			m[name] = row[i]
		}
		data = append(data, m)
	}
	return a.show(data, nil)
}
