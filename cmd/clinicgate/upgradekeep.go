package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/logging"
	"clinicgate/gateway/service"
	"clinicgate/gateway/upgrade"
)

// upgradeKeep is what the service clinicgate-upgrade runs.
func (a *app) upgradeKeep() *cobra.Command {
	var managed bool
	c := &cobra.Command{
		Use:    "keep",
		Short:  "Carry out the upgrade that was planned; the service clinicgate-upgrade runs this",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			log := logging.Open(logging.Options{Stderr: a.err, System: true})
			err := a.keep(c.Context(), log.Logger())
			return errors.Join(err, log.Close())
		},
	}
	c.Flags().BoolVar(&managed, "service", false, "run for the service manager")
	return c
}

func (a *app) keep(ctx context.Context, log *slog.Logger) error {
	settings, err := a.load()
	if err != nil {
		return err
	}
	if err := service.NotifierOf(ctx).Ready("carries out an upgrade"); err != nil {
		return err
	}
	k := &upgrade.Keeper{Dir: settings.Upgrade.Dir, Manager: &service.Handle{}, Service: upgraded{a}, Page: gateway.PageAnswers, Log: log}
	err = k.Run(ctx)
	if ctx.Err() != nil {
		return nil // stopped by who cancels, or by the machine's end
	}
	if err != nil {
		return err
	}
	return service.RemoveKeeper(ctx)
}

// upgraded is the service that is upgraded, on its control channel.
type upgraded struct{ *app }

// Look implements upgrade.Service.
func (u upgraded) Look(ctx context.Context) (upgrade.Sight, error) {
	client, err := u.dial(ctx)
	if err != nil {
		return upgrade.Sight{}, err
	}
	defer client.Close()
	return client.UpgradeLook(ctx)
}

// Tell implements upgrade.Service.
func (u upgraded) Tell(ctx context.Context, e upgrade.Event) error {
	client, err := u.dial(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	return client.UpgradeRecord(ctx, e)
}
