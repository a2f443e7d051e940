package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/service"
	"clinicgate/storage"
)

func (a *app) keysSource() *cobra.Command {
	var next config.KeySource
	var generate bool
	c := &cobra.Command{
		Use:   "source KIND",
		Short: "Seal the keyring by another key source: passphrase, key-file, credential or dpapi",
		Long: `Puts the keyring of a stopped service under another key source and prints what to
write under [key_source] of the config. The source before opens nothing that is written
from then on; keep it until the service has started with the new one.`,
		Example: `  clinicgate service stop
  clinicgate keys source credential --file /etc/clinicgate/key.cred --generate
  (write what it prints into the config)
  clinicgate service devices
  clinicgate service start`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{string(config.KeySourcePassphrase), string(config.KeySourceKeyFile), string(config.KeySourceCredential), string(config.KeySourceDPAPI)},
		RunE: func(c *cobra.Command, args []string) error {
			next.Kind = config.KeySourceKind(args[0])
			return a.changeSource(c.Context(), next, generate)
		},
	}
	c.Flags().StringVar(&next.File, "file", "", "the passphrase's, key's or sealed credential's file")
	c.Flags().StringVar(&next.Name, "name", "", "name of the credential (default: clinicgate-key)")
	c.Flags().BoolVar(&generate, "generate", false, "make the file if it is not there")
	return c
}

func (a *app) changeSource(ctx context.Context, next config.KeySource, generate bool) error {
	settings, err := a.load()
	if err != nil {
		return err
	}
	if client, err := a.dial(ctx); err == nil {
		client.Close()
		return &mistake{err: errors.New("the service runs: nothing was changed"), hint: "`clinicgate service stop` first; after the change, the config must name the new source before it starts"}
	} else if !isDown(err) {
		return err
	}
	if next.File != "" {
		if next.File, err = filepath.Abs(next.File); err != nil {
			return fmt.Errorf("cannot name the file: %w", err)
		}
	}
	changed := settings
	changed.KeySource = next
	if err := changed.Validate(); err != nil {
		return &mistake{err: err, hint: hintOf(err, "`clinicgate keys source --help` shows what each kind needs")}
	}
	if gateway.HasKeys(settings) {
		lock, err := storage.Lock(ctx, settings.Storage.Dir)
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
	if err := sourceFile(ctx, next, generate); err != nil {
		return err
	}
	if err := gateway.NotedKeyChange(settings.Storage.Dir, control.ThisAccount(), "put under the key source "+string(next.Kind), func() error {
		return ring.ChangeSource(ctx, next.Source())
	}); err != nil {
		return err
	}
	if err := adoptKeys(settings.Storage.Dir, next); err != nil {
		return err
	}
	list, err := (control.RingKeys{Ring: ring}).List(ctx, control.Caller{})
	if err != nil {
		return err
	}
	return a.show(list, func(t *table) {
		t.line("the keyring is sealed by %s (%s); write this into %s before the next start:", list.Source, list.Strength, a.configPath)
		t.line("")
		for line := range strings.Lines(changed.KeySource.TOML()) {
			t.line("%s", strings.TrimRight(line, "\n"))
		}
	})
}

// adoptKeys gives the service's account what root made: keyring and, where the
// service reads it itself, the source's file.
func adoptKeys(data string, source config.KeySource) error {
	if source.ReadByService() && source.File != "" {
		return service.Adopt(data, source.File)
	}
	return service.Adopt(data)
}
