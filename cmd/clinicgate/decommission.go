package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/control"
)

func (a *app) decommissionCommand() *cobra.Command {
	var d gateway.Decommission
	var yes bool
	c := &cobra.Command{
		Use:   "decommission",
		Short: "Retire this kiosk: destroy its keys and data, and certify it",
		Long: `Retires the kiosk for good. The service must be stopped. What was not sent is sent
first, as far as there is a network; if something is left, nothing is destroyed unless
--export keeps it in a backup (another kiosk sends it: store restore --replacement), or
--force and --reason say that it may go.

Then it records the act, writes a certificate, signs it with the kiosk's key as the
last thing that key signs, and destroys the keys: the keyring and the files that hold
this kiosk's secrets (key source, token, credentials, private keys) are overwritten,
and the store, documents and copies removed. What is sealed cannot be read any more
(cryptographic erase, NIST SP 800-88). Cut short, the same command finishes it.

The clinic's server revokes the token and gives the kiosk's public key an end.`,
		Example: `  clinicgate decommission --yes
  clinicgate decommission --export /mnt/safe/lobby-1.cgbackup --yes`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !yes {
				return &mistake{err: errors.New("nothing was destroyed: this cannot be undone"), hint: "add --yes if that is meant"}
			}
			settings, o, err := a.stopped(c.Context())
			if err != nil {
				return err
			}
			if d.Export != "" {
				if d.Export, err = filepath.Abs(d.Export); err != nil {
					return fmt.Errorf("cannot name export: %w", err)
				}
			}
			var wipe func()
			d.By = control.ThisAccount()
			d.Progress, wipe = a.terminal.progress()
			done, err := d.On(c.Context(), settings, o)
			wipe()
			if err != nil {
				return err
			}
			return a.show(done, func(t *table) {
				for line := range strings.Lines(done.Note) {
					t.line("%s", strings.TrimSuffix(line, "\n"))
				}
				t.line("")
				t.line("verifier key: %s", done.VerifierKey)
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do it")
	c.Flags().StringVar(&d.Export, "export", "", "write a backup here before the keys are destroyed; the recovery key opens it")
	c.Flags().BoolVar(&d.Force, "force", false, "destroy unsent events too (with --reason)")
	c.Flags().StringVar(&d.Reason, "reason", "", "why, in words without anything about a person; it stands on the certificate")
	c.Flags().DurationVar(&d.Wait, "wait", time.Minute, "how long to try to send what is left")
	return c
}
