package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/service"
)

func (a *app) decommissionCommand() *cobra.Command {
	var d gateway.Decommission
	var yes bool
	c := &cobra.Command{
		Use:   "decommission",
		Short: "Retire this kiosk: destroy its keys and data, and certify it",
		Long: `Retires the kiosk for good. Its service is stopped. What was not sent is sent
first, as far as there is a network; if something is left, nothing is destroyed and the
service is started again, unless --export keeps it in a backup (another kiosk sends it:
store restore --replacement), or --force and --reason say that it may go.

Then it records the act, writes a certificate, signs it with the kiosk's key as the
last thing that key signs, disables the service, and destroys the keys: the keyring and the files that hold
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
			var err error
			if d.Export != "" {
				if d.Export, err = filepath.Abs(d.Export); err != nil {
					return fmt.Errorf("cannot name export: %w", err)
				}
			}
			done, err := a.decommission(c.Context(), d)
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

// decommission retires the kiosk with the service that the system manages. One that
// was stopped for it runs again where nothing came of it.
func (a *app) decommission(ctx context.Context, d gateway.Decommission) (done gateway.Certificate, err error) {
	settings, err := a.load()
	if err != nil {
		return done, err
	}
	s, err := a.setup()
	if err != nil {
		return done, err
	}
	managed, err := service.Retiring(ctx, s)
	if err != nil {
		return done, serviceFailed(err)
	}
	if managed.State == "running" || managed.State == "starting" {
		if err := service.Stop(ctx); err != nil {
			return done, serviceFailed(err)
		}
		fmt.Fprintln(a.err, "note: the service was stopped")
		defer func() {
			if err != nil && gateway.Retired(settings.Storage.Dir) == nil {
				// The person is told why it was not retired, whatever came of this.
				if again := service.Start(context.WithoutCancel(ctx)); again != nil {
					err = errors.Join(err, again)
				}
			}
		}()
	}
	_, o, err := a.stopped(ctx)
	if err != nil {
		return done, err
	}
	var wipe func()
	d.By = control.ThisAccount()
	d.Progress, wipe = a.terminal.progress()
	d.Decided = func(ctx context.Context) error {
		did, err := service.Retire(ctx, s)
		wipe()
		for _, line := range did {
			fmt.Fprintln(a.err, "note:", line)
		}
		return err
	}
	done, err = d.On(ctx, settings, o)
	wipe()
	return done, err
}

// retired is what asking a kiosk that was decommissioned ends with.
type retired struct {
	*gateway.RetiredError
	asked error
}

func (r *retired) Unwrap() error { return r.asked }

// notRetired refuses to start the service of a kiosk that was decommissioned.
func (a *app) notRetired() error {
	settings, err := config.Load(a.configPath)
	if err != nil {
		return nil // whoever starts it is told
	}
	if gone := gateway.Retired(settings.Storage.Dir); gone != nil {
		return gone
	}
	return nil
}
