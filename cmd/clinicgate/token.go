package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/control"
	"clinicgate/gateway/service"
	"clinicgate/gateway/token"
)

const maxToken = 64 << 10

func (a *app) tokenCommand() *cobra.Command {
	return group("token", "The access token with which this kiosk talks to PubNub", a.tokenStatus(), a.tokenSet())
}

func (a *app) tokenStatus() *cobra.Command {
	return &cobra.Command{
		Use:   "status",
		Short: "Is there a token, and how long is it good",
		Long: `Says whether the config asks for a token, whether one is held and when it ends. While
no service runs, the file is looked at. Exit code 5 when one is needed and none is good.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, down := a.askStatus(c.Context())
			now, t := s.Now, s.Sync.Token
			if down != nil {
				settings, err := a.load()
				if !isDown(down) || err != nil {
					return errors.Join(down, err)
				}
				now, t = time.Now(), gateway.TokenOf(settings)
			}
			return a.tokenShown(t, now)
		},
	}
}

// tokenShown shows a token, and is an error where it is no good.
func (a *app) tokenShown(t control.Token, now time.Time) error {
	if err := a.show(t, func(tab *table) { showToken(tab, t, now) }); err != nil {
		return err
	}
	if t.Needed && (!t.Held || t.Problem != "" || !now.Before(t.Expires)) {
		return &found{what: "the kiosk has no token that is good", hint: "`clinicgate token set FILE` puts in the one that the clinic's server made for this kiosk"}
	}
	return nil
}

func showToken(tab *table, t control.Token, now time.Time) {
	switch {
	case !t.Needed:
		tab.fact("token", "none is needed: pubnub.token_file is empty")
		return
	case !t.Held:
		tab.fact("token", "there is none")
	default:
		tab.fact("token", tokenTime(t.Expires, now)+", until "+t.Expires.UTC().Format(time.RFC3339))
	}
	if t.Problem != "" {
		tab.fact("", t.Problem)
	}
}

func (a *app) tokenSet() *cobra.Command {
	return &cobra.Command{
		Use:   "set FILE",
		Short: "Put in a new token; - reads standard input",
		Long: `Puts a token that the clinic's server made for this kiosk into the file that
pubnub.token_file names, after a look whether it is one, for this kiosk, and has not
ended. A service that runs uses it at once, and records who set it; it needs no restart.
The token is never an argument and never shown.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			settings, err := a.load()
			if err != nil {
				return err
			}
			path := settings.PubNub.TokenFile
			if path == "" {
				return &mistake{err: errors.New("the config asks for no token"), hint: "set pubnub.token_file in the config, where the keyset has Access Manager"}
			}
			text, err := a.readInput(args[0], maxToken)
			if err != nil {
				return err
			}
			if _, err := token.Check(string(text), settings.User(), time.Now()); err != nil {
				return &mistake{err: err, hint: "ask the clinic's server for a token for the user id " + settings.User() + "; `clinicgate doctor --only clock-offset` looks at this machine's clock"}
			}
			if err := token.Write(path, string(text)); err != nil {
				return &control.Error{Code: control.Failed, Message: err.Error(), Next: "write it as an account that may write to " + path}
			}
			if gateway.HasKeys(settings) { // else no service was set up, whose account it could be
				if err := service.Adopt(settings.Storage.Dir, path); err != nil {
					return err
				}
			}
			client, err := a.dial(c.Context())
			if isDown(err) {
				fmt.Fprintln(a.err, "note: no service answers; it reads the token when it starts")
				return a.tokenShown(gateway.TokenOf(settings), time.Now())
			}
			if err != nil {
				return err
			}
			defer client.Close()
			t, err := client.ReadToken(c.Context())
			if err != nil {
				return err
			}
			return a.tokenShown(t, time.Now())
		},
	}
}
