package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
)

func (a *app) devicesWatch() *cobra.Command {
	var topic string
	var once bool
	c := &cobra.Command{
		Use:   "watch [ID]",
		Short: "Show what devices say, as it comes, without what was read",
		Long: `Shows each reading of the named device, or of all, with its kind, verdict and length,
and each MQTT message with the names of its members and how the tables of the config
([[mqtt.map]]) read it. Values are not shown. --topic shows MQTT messages of one filter;
from an external broker also those that this kiosk does not read. Ends with Ctrl-C.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			in := control.DeviceWatch{Topic: topic}
			if len(args) == 1 {
				in.ID = args[0]
			}
			client, err := a.dial(c.Context())
			if err != nil {
				return err
			}
			defer client.Close()
			for c.Context().Err() == nil {
				bounded, cancel := context.WithTimeout(c.Context(), 30*time.Second)
				got, err := client.WatchDevices(bounded, in)
				cancel()
				if c.Context().Err() != nil {
					return nil
				}
				if err != nil {
					return err
				}
				if err := a.show(got, func(t *table) { showSeen(t, got) }); err != nil {
					return err
				}
				in.After = got.Next
				if once && len(got.Seen) > 0 {
					return nil
				}
			}
			return nil
		},
	}
	c.Flags().StringVar(&topic, "topic", "", "an MQTT topic filter, such as 'zigbee2mqtt/#'")
	c.Flags().BoolVar(&once, "once", false, "end after the first")
	return c
}

func showSeen(t *table, w control.DeviceWatched) {
	if w.Missed {
		t.line("more was said than could be shown")
	}
	for _, s := range w.Seen {
		at := s.At.Local().Format("15:04:05.000")
		outcome := "taken"
		if !s.Accepted {
			outcome = "not taken"
		}
		if s.Why != "" {
			outcome += ": " + s.Why
		}
		if s.Topic == "" {
			t.line("%s  %s  %s  %s, %s, %s  (%s)", at, s.Device, s.Class, s.Kind, s.Verdict, count(s.Length, "byte"), outcome)
			continue
		}
		kept := ""
		if s.Retained {
			kept = ", retained"
		}
		t.line("%s  %s  %s%s  (%s)", at, s.Topic, s.Shape, kept, outcome)
		if len(s.Read) == 0 {
			t.line("      no table says anything about it")
		} else {
			t.line("      %s", strings.Join(s.Read, "; "))
		}
	}
}

func (a *app) devicesCredential() *cobra.Command {
	return &cobra.Command{
		Use:   "credential ID",
		Short: "Give an MQTT client of the config a new credential, and show it once",
		Long: `Makes a random credential for a [[mqtt.client]] and prints it. Only its hash is kept,
so that it cannot be shown again. The client logs in with its id as the user name. The
credential that it had before is void; a connection that it has now stays until it ends.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.MQTTCredential, error) {
				return s.MQTTCredential(c.Context(), control.MQTTClient{ID: args[0]})
			}, func(t *table, m control.MQTTCredential) {
				t.row("user", m.ID)
				t.row("password", m.Credential)
			})
		},
	}
}
