package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/service"
	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

func (a *app) keysCommand() *cobra.Command {
	return group("keys", "The keyring: the clinic's shared keys and this kiosk's own",
		a.keysInit(), a.keysImport(), a.keysList(), a.keysRotate(), a.keysErase(), a.keysSource(),
		group("recovery", "The clinic's offline recovery key", a.recoveryInit(), a.recoverySet(), a.recoveryStatus()))
}

// keyActs is what the service and an open keyring can both do.
type keyActs interface {
	KeyList(context.Context) (control.KeyList, error)
	KeyImport(context.Context, control.KeyImport) (control.KeyList, error)
	KeyRotate(context.Context, control.KeyRotate) (control.KeyList, error)
	KeyErase(context.Context, control.KeyErase) (control.KeyList, error)
	SetRecovery(context.Context, control.KeyRecovery) (control.KeyList, error)
}

// ringActs does them on a keyring that this process opened.
type ringActs struct{ keys control.RingKeys }

func (r ringActs) KeyList(ctx context.Context) (control.KeyList, error) {
	return r.keys.List(ctx, control.Caller{})
}
func (r ringActs) KeyImport(ctx context.Context, in control.KeyImport) (control.KeyList, error) {
	return r.keys.Import(ctx, control.Caller{}, in)
}
func (r ringActs) KeyRotate(ctx context.Context, in control.KeyRotate) (control.KeyList, error) {
	return r.keys.Rotate(ctx, control.Caller{}, in)
}
func (r ringActs) KeyErase(ctx context.Context, in control.KeyErase) (control.KeyList, error) {
	return r.keys.Erase(ctx, control.Caller{}, in)
}
func (r ringActs) SetRecovery(ctx context.Context, in control.KeyRecovery) (control.KeyList, error) {
	return r.keys.SetRecovery(ctx, control.Caller{}, in)
}

// onKeys changes something of the running service's keyring or, while none runs,
// with the keyring itself, and shows the keys afterwards.
func (a *app) onKeys(ctx context.Context, act func(keyActs) (control.KeyList, error)) error {
	return a.withKeys(ctx, true, a.showing(act))
}

func (a *app) showing(act func(keyActs) (control.KeyList, error)) func(keyActs) error {
	return func(k keyActs) error {
		l, err := act(k)
		if err != nil {
			return err
		}
		return a.show(l, func(t *table) { showKeys(t, l) })
	}
}

// withKeys hands over the service's keyring or, while none runs, the keyring itself.
// Who changes that one holds the data folder, so that no service starts with the old
// keys, and the change is noted for the audit log.
func (a *app) withKeys(ctx context.Context, change bool, act func(keyActs) error) error {
	client, err := a.dial(ctx)
	if err == nil {
		defer client.Close()
		return act(client)
	}
	if !isDown(err) {
		return err
	}
	settings, err := a.load()
	if err != nil {
		return err
	}
	dir := settings.Storage.Dir
	if change && gateway.HasKeys(settings) {
		lock, err := storage.Lock(ctx, dir)
		if err != nil {
			return err
		}
		defer lock.Close()
	}
	ring, err := a.openRing(ctx, settings)
	if err != nil {
		return err
	}
	defer ring.Close()
	keys := control.RingKeys{Ring: ring, Now: time.Now, Change: func(_ context.Context, _ control.Caller, what string, do func() error) error {
		return gateway.NotedKeyChange(dir, control.ThisAccount(), what, do)
	}}
	return errors.Join(act(ringActs{keys}), service.Adopt(dir))
}

// openRing opens the keyring of a service that does not run.
func (a *app) openRing(ctx context.Context, settings config.Config) (*keyring.Ring, error) {
	fmt.Fprintf(a.err, "note: no service answers; working on the keyring in %s\n", settings.Storage.Dir)
	ring, err := keyring.Open(ctx, keyring.Dir(settings.Storage.Dir), settings.KeySource.Source(), keyring.Options{})
	if errors.Is(err, fs.ErrNotExist) && errors.Is(err, keyring.ErrLost) {
		return nil, &mistake{err: err, hint: "`clinicgate keys init` makes a keyring, once"}
	}
	return ring, err
}

func showKeys(t *table, l control.KeyList) {
	t.row("source", fmt.Sprintf("%s (%s)", l.Source, l.Strength))
	t.row("recovery key", yesNo(l.Recovery))
	if !l.Sound {
		t.row("copies", "one of the two is damaged or old: the disk may be failing")
	}
	t.line("")
	t.row("KIND", "ID", "OWNER", "FROM", "UNTIL", "CREATED")
	for _, s := range l.Secrets {
		t.row(s.Kind, s.ID, s.Owner, date(s.From), date(s.Until), date(s.Created))
	}
	t.line("")
	t.row("DATA KEY", "EPOCH", "STATE", "CREATED", "RECORDS")
	for _, e := range l.Epochs {
		t.row(e.Class, e.Epoch, e.State, date(e.Created), e.Uses)
	}
	t.line("")
	t.line("public key of this kiosk: %s", base64.StdEncoding.EncodeToString(l.Public))
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04Z")
}

func (a *app) keysInit() *cobra.Command {
	var generate bool
	var recovery, shared string
	c := &cobra.Command{
		Use:   "init",
		Short: "Make the keyring of a new kiosk",
		Long: `Makes the keyring in storage.dir, sealed by the key source that the config names:
data keys, the kiosk's signing key, and the installation's id. It is done once;
it refuses where a keyring or a store is already.

On the clinic's first kiosk, --shared-keys FILE also makes the keys that all
kiosks and staff apps of the clinic share, and writes them to FILE for
` + "`clinicgate keys import`" + ` on the others. Keep that file as you keep the keys.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			settings, err := a.load()
			if err != nil {
				return err
			}
			var opt keyring.Options
			if recovery != "" {
				pub, err := keyring.ParseRecoveryPublic(recovery)
				if err != nil {
					return &mistake{err: fmt.Errorf("--recovery: %w", err), hint: "`clinicgate keys recovery init` prints the public half"}
				}
				opt.Recovery = &pub
			}
			return a.createRing(c.Context(), settings, opt, generate, shared)
		},
	}
	c.Flags().BoolVar(&generate, "generate", false, "make the passphrase, key file or sealed credential that key_source.file names, if it is not there")
	c.Flags().StringVar(&recovery, "recovery", "", "public half of the clinic's recovery key")
	c.Flags().StringVar(&shared, "shared-keys", "", "make the clinic's shared keys too and write them to this new file")
	return c
}

func (a *app) createRing(ctx context.Context, settings config.Config, opt keyring.Options, generate bool, shared string) error {
	dir := settings.Storage.Dir
	if _, err := os.Stat(storeFile(settings)); err == nil {
		return &mistake{err: fmt.Errorf("%s holds a store already: a new keyring would not open it", dir), hint: "put the store's own keyring beside it, or name another storage.dir"}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot make data folder: %w", err)
	}
	if err := sourceFile(ctx, settings.KeySource, generate); err != nil {
		return err
	}
	var out *os.File
	if shared != "" {
		f, err := os.OpenFile(shared, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return &mistake{err: fmt.Errorf("cannot write shared keys: %w", err), hint: "name a file that is not there yet"}
		}
		defer f.Close()
		out = f
	}
	lock, err := storage.Lock(ctx, dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	var ring *keyring.Ring
	if err := gateway.NotedKeyChange(dir, control.ThisAccount(), "made", func() (err error) {
		ring, err = keyring.Create(ctx, keyring.Dir(dir), settings.KeySource.Source(), opt)
		return err
	}); err != nil {
		return &mistake{err: err, hint: hintOf(err, "see key_source in the config")}
	}
	defer ring.Close()
	if out != nil {
		if err := writeShared(ring, out); err != nil {
			return err
		}
	}
	if err := adoptKeys(settings.Storage.Dir, settings.KeySource); err != nil {
		return err
	}
	list, err := (control.RingKeys{Ring: ring}).List(ctx, control.Caller{})
	if err != nil {
		return err
	}
	return a.show(list, func(t *table) {
		t.line("made the keyring in %s, sealed by %s", dir, list.Source)
		t.line("")
		t.line("The other kiosks verify this one with (clinicgate keys import):")
		t.line(`{"kind":"kiosk-public","owner":%q,"value":%q}`, settings.Kiosk.ID, base64.StdEncoding.EncodeToString(list.Public))
		if shared != "" {
			t.line("")
			t.line("The clinic's shared keys are in %s: import them on every kiosk, then keep the file offline.", shared)
		}
	})
}

// sourceFile makes the file of the key source where it is missing, if that is
// wanted.
func sourceFile(ctx context.Context, k config.KeySource, generate bool) error {
	if k.File == "" || k.Kind == config.KeySourceDPAPI {
		return nil
	}
	_, err := os.Stat(k.File)
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case !generate:
		return &mistake{err: fmt.Errorf("key_source.file %s is not there", k.File), hint: "put it there, or let --generate make it"}
	case k.Kind == config.KeySourceKeyFile:
		return keyring.CreateKeyFile(k.File)
	case k.Kind == config.KeySourceCredential:
		return k.CreateCredential(ctx)
	}
	return config.CreatePassphrase(k.File)
}

// writeShared makes the clinic's shared keys and writes them in the form that
// keys import reads.
func writeShared(ring *keyring.Ring, out *os.File) error {
	type form struct {
		Kind  keyring.Kind `json:"kind"`
		ID    string       `json:"id"`
		Value string       `json:"value"`
	}
	var forms []form
	for _, kind := range []keyring.Kind{keyring.PubNubCipher, keyring.PatientReference, keyring.Ticket} {
		s, err := ring.Generate(kind, "first")
		if err != nil {
			return err
		}
		value := string(s.Value.Reveal())
		if kind != keyring.PubNubCipher { // the cipher key is text, the others are bytes
			value = base64.StdEncoding.EncodeToString(s.Value.Reveal())
		}
		forms = append(forms, form{kind, s.ID, value})
	}
	text, err := json.MarshalIndent(forms, "", "  ")
	if err != nil {
		return fmt.Errorf("cannot write shared keys: %w", err)
	}
	_, err = out.Write(append(text, '\n'))
	if err := errors.Join(err, out.Sync()); err != nil {
		return fmt.Errorf("cannot write shared keys: %w", err)
	}
	return nil
}

// maxKeysInput bounds what is read from stdin as keys.
const maxKeysInput = 40 << 10

func (a *app) keysImport() *cobra.Command {
	return &cobra.Command{
		Use:   "import",
		Short: "Import the clinic's keys from standard input",
		Long: `Reads keys from standard input, so that they appear in no command line: one JSON
object {"kind":...,"id":...,"value":...,"from":...,"until":...} or an array of
them. Kinds: pubnub-cipher (value is text), and with the value in base64
patient-reference, ticket, appointment-code, kiosk-public (with "owner", a kiosk's
id or "authority"). from and until are timetokens and may be left out. All are
imported or none. While no service runs, they go into the keyring itself.`,
		Example: "  clinicgate keys import < shared-keys.json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := io.ReadAll(io.LimitReader(a.stdin, maxKeysInput+1))
			if err != nil {
				return fmt.Errorf("cannot read keys: %w", err)
			}
			defer clear(text)
			if len(text) > maxKeysInput {
				return &mistake{err: errors.New("more than 40 KiB of keys"), hint: "import them in parts"}
			}
			return a.onKeys(c.Context(), func(k keyActs) (control.KeyList, error) {
				return k.KeyImport(c.Context(), control.KeyImport{Secrets: text})
			})
		},
	}
}

func (a *app) keysList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the keys; never their values",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withKeys(c.Context(), false, a.showing(func(k keyActs) (control.KeyList, error) { return k.KeyList(c.Context()) }))
		},
	}
}

func (a *app) keysRotate() *cobra.Command {
	return &cobra.Command{
		Use:   "rotate CLASS",
		Short: "Begin a new key: a data key class, all of them (all), or the signing key (signing)",
		Long: `Begins a new key. What was sealed or signed with the one before stays readable.
After "signing", give the other kiosks the new public key.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.onKeys(c.Context(), func(k keyActs) (control.KeyList, error) {
				return k.KeyRotate(c.Context(), control.KeyRotate{Class: args[0]})
			})
		},
	}
}

func (a *app) keysErase() *cobra.Command {
	var in control.KeyErase
	var yes bool
	c := &cobra.Command{
		Use:   "erase",
		Short: "Destroy a key, and with it whatever only that key opens",
		Example: `  clinicgate keys erase --kind pubnub-cipher --id 2025-q4 --yes
  clinicgate keys erase --class telemetry --epoch 3 --yes`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !yes {
				return &mistake{err: errors.New("nothing was erased: what a destroyed key sealed cannot be read again"), hint: "add --yes if that is meant"}
			}
			return a.onKeys(c.Context(), func(k keyActs) (control.KeyList, error) { return k.KeyErase(c.Context(), in) })
		},
	}
	c.Flags().StringVar(&in.Kind, "kind", "", "kind of a secret (with --id)")
	c.Flags().StringVar(&in.ID, "id", "", "id of a secret (with --kind)")
	c.Flags().StringVar(&in.Class, "class", "", "class of a data key (with --epoch)")
	c.Flags().Uint32Var(&in.Epoch, "epoch", 0, "epoch of a data key that no longer seals (with --class)")
	c.Flags().BoolVar(&yes, "yes", false, "do it")
	return c
}

func (a *app) recoveryInit() *cobra.Command {
	return &cobra.Command{
		Use:   "init",
		Short: "Make a recovery key: print both halves once",
		Long: `Makes the clinic's recovery key and prints both halves. Nothing is written to
disk. Keep the private half in a safe, on paper; give the public half to every
kiosk (keys init --recovery, keys recovery set). With the private half a store can
be opened whose key source is lost.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			private, err := keyring.NewRecoveryKey()
			if err != nil {
				return err
			}
			public, err := private.Public()
			if err != nil {
				return err
			}
			return a.show(map[string]string{"public": public.String(), "private": private.Text()}, func(t *table) {
				t.row("public", public.String())
				t.row("private", private.Text())
			})
		},
	}
}

func (a *app) recoverySet() *cobra.Command {
	return &cobra.Command{
		Use:   "set PUBLIC",
		Short: "Let the clinic's recovery key open this kiosk's keyring",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.onKeys(c.Context(), func(k keyActs) (control.KeyList, error) {
				return k.SetRecovery(c.Context(), control.KeyRecovery{Public: args[0]})
			})
		},
	}
}

func (a *app) recoveryStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Which recovery key opens this kiosk's keyring and backups",
		Long: `Shows the public half of the recovery key that the keyring is wrapped to. Compare it
with the one that lies beside the private half in the safe. Exit code 5 when none
is set.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			set := false
			err := a.withKeys(c.Context(), false, func(k keyActs) error {
				l, err := k.KeyList(c.Context())
				if err != nil {
					return err
				}
				set = l.Recovery
				return a.show(map[string]any{"set": l.Recovery, "public": l.RecoveryPublic}, func(t *table) {
					t.row("recovery key", yesNo(l.Recovery))
					if set {
						t.row("public", l.RecoveryPublic)
					}
				})
			})
			if err == nil && !set {
				err = &found{what: "no recovery key is set: when the key source is lost, so is what is not sent yet", hint: "`clinicgate keys recovery init` makes one, `clinicgate keys recovery set PUBLIC` gives it to this kiosk"}
			}
			return err
		},
	}
}
