package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/storage/keyring"
)

func (a *app) storeRestore() *cobra.Command {
	var key string
	var leave, replacement bool
	var wait time.Duration
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Put a backup in the place of the store",
		Long: `Puts a backup of this kiosk in the place of its store. The service must be stopped.
What the present store has not sent, such as the record of the stop, is sent first; if
something is left, nothing is changed unless --leave-unsent is given. The present store
is set aside in the data folder, not deleted. The restored store
goes on in a new life, so that no number is used twice: what the backup had not sent
is sent again under the same ids, of which readers keep one, and the audit log says
that and by whom it was restored.

With --recovery-key the clinic's recovery key opens the backup where the key source
is lost; the keyring is under this machine's key source afterwards.

With --replacement, on another machine with a kiosk.id and keyring of its own, nothing
is replaced here: what the dead kiosk had not sent is taken over, and the service sends
it under the dead kiosk's identity, as it was signed and numbered there. When nothing is
left, that identity is retired: its signing key is destroyed. The new kiosk's token must
allow the dead one's device channel until then.`,
		Example: `  clinicgate store restore clinicgate-lobby-1-20310506T073000Z.cgbackup
  clinicgate store restore --recovery-key - FILE < recovery-key
  clinicgate store restore --replacement --recovery-key - FILE < recovery-key`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			settings, o, err := a.stopped(c.Context())
			if err != nil {
				return err
			}
			r := gateway.Restore{Leave: leave, Wait: wait, By: control.ThisAccount()}
			if r.File, err = filepath.Abs(args[0]); err != nil {
				return err
			}
			if r.Private, err = a.recoveryKey(key); err != nil {
				return err
			}
			var wipe func()
			r.Progress, wipe = a.terminal.progress()
			var done control.Restored
			if replacement {
				done, err = r.Replace(c.Context(), settings)
			} else {
				done, err = r.On(c.Context(), settings, o)
			}
			wipe()
			if err != nil {
				return err
			}
			return a.show(done, func(t *table) { showRestored(t, done) })
		},
	}
	c.Flags().StringVar(&key, "recovery-key", "", "file with the private half of the clinic's recovery key, - for standard input")
	c.Flags().BoolVar(&replacement, "replacement", false, "take over what another, dead kiosk had not sent")
	c.Flags().DurationVar(&wait, "wait", time.Minute, "how long to try to send what the present store has not sent")
	c.Flags().BoolVar(&leave, "leave-unsent", false, "set the present store aside although it has unsent events")
	return c
}

func showRestored(t *table, r control.Restored) {
	what := "restored"
	if r.Aside == "" {
		what = "taken over"
	}
	t.row(what, fmt.Sprintf("the backup of %s, made %s", r.Kiosk, date(r.Made)))
	t.row("in it", fmt.Sprintf("%s not sent then, %s", count(int(r.Unsent), "event"), count(r.Blobs, "document")))
	if r.Keyring != "" {
		t.row("keyring", r.Keyring)
	}
	if r.Aside != "" {
		t.row("set aside", r.Aside)
	}
	if r.Left > 0 {
		t.row("", count(int(r.Left), "unsent event")+" are in it")
	}
	if r.Aside == "" {
		t.line("Start the service: it sends them as %s; `clinicgate sync status` shows how far it is.", r.Kiosk)
		return
	}
	t.line("Start the service; `clinicgate status` shows the store's new life.")
}

func (a *app) storeRecover() *cobra.Command {
	var key string
	c := &cobra.Command{
		Use:   "recover",
		Short: "Repair the store by hand, or open it with the recovery key",
		Long: `Does what a start of the service does with a damaged store, and reports it: the file
is set aside, and every record that authenticates goes on in a new one. The service
must be stopped. A store that is sound is only checked.

With --recovery-key it opens a store whose key source is lost (a dead TPM, a
forgotten passphrase) with the private half of the clinic's recovery key, and puts
the keyring under the key source that the config names now.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, o, err := a.stopped(c.Context())
			if err != nil {
				return err
			}
			private, err := a.recoveryKey(key)
			if err != nil {
				return err
			}
			draw, wipe := a.terminal.progress()
			o.Repairing = func(done, total int64) {
				draw(control.Progress{Done: uint64(done), Total: uint64(total), Unit: "bytes"})
			}
			done, err := gateway.Recover(c.Context(), settings, o, private)
			wipe()
			if err != nil {
				return err
			}
			return a.show(done, func(t *table) { showRecovered(t, done) })
		},
	}
	c.Flags().StringVar(&key, "recovery-key", "", "file with the private half of the clinic's recovery key, - for standard input")
	return c
}

func showRecovered(t *table, r gateway.Recovered) {
	if r.KeySource != "" {
		t.row("keyring", "opened with the recovery key; it is under the key source "+r.KeySource+" now")
	}
	switch s := r.Salvaged; {
	case s != nil:
		t.row("store", "was damaged: "+r.Before.Explanation)
		t.row("kept", fmt.Sprintf("%s, %d unreadable", count(int(s.Recovered), "record"), s.Unreadable))
		t.row("set aside", s.Aside)
	case r.Rolled:
		t.row("store", "an older copy was in the place of the newer one; it goes on in a new life")
	default:
		t.row("store", "sound; nothing was changed")
	}
	t.row("now", fmt.Sprintf("life %d, %d accepted = %d accounted for, %d not sent yet", r.Life, r.Counts.Accepted, r.Counts.Accounted(), r.Counts.Queued))
}

// stopped makes sure that no service runs, for work on its files.
func (a *app) stopped(ctx context.Context) (config.Config, gateway.Options, error) {
	settings, err := a.load()
	if err != nil {
		return settings, gateway.Options{}, err
	}
	client, err := a.dial(ctx)
	if err == nil {
		client.Close()
		return settings, gateway.Options{}, &control.Error{Code: control.Conflict, Message: "the service runs", Next: "stop it first; this works on its files"}
	}
	if !isDown(err) {
		return settings, gateway.Options{}, err
	}
	o, err := a.still(settings.Storage.Dir)
	return settings, o, err
}

// recoveryKey reads the private half of the recovery key, which no command line
// holds: another account could see it there.
func (a *app) recoveryKey(from string) (*keyring.RecoveryPrivate, error) {
	if from == "" {
		return nil, nil
	}
	in := a.stdin
	if from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return nil, &mistake{err: fmt.Errorf("cannot read recovery key: %w", errors.Unwrap(err)), hint: "name a file that holds it, or - and give it on standard input"}
		}
		defer f.Close()
		in = f
	}
	const most = 1 << 10
	text, err := io.ReadAll(io.LimitReader(in, most))
	if err != nil {
		return nil, fmt.Errorf("cannot read recovery key: %w", err)
	}
	defer clear(text)
	private, err := keyring.ParseRecoveryPrivate(string(text))
	if err != nil {
		return nil, &mistake{err: err, hint: "give the private half, as `clinicgate keys recovery init` printed it"}
	}
	return &private, nil
}
