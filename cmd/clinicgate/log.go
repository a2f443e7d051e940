package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway/control"
)

func (a *app) logCommand() *cobra.Command {
	return group("log", "The service's log", a.logLevel(), a.logLevels(), a.logTail())
}

func (a *app) logLevel() *cobra.Command {
	var limit time.Duration
	c := &cobra.Command{
		Use:   "level [COMPONENT] LEVEL",
		Short: "Change how much is logged: debug, info, warn or error",
		Long: `Changes how much the service logs, of one part or of all that have no level of
their own, until the next start or, with --for, until that time is over. Parts are those
that ` + "`clinicgate log tail`" + ` shows.`,
		Args:      cobra.RangeArgs(1, 2),
		ValidArgs: []string{"debug", "info", "warn", "error"},
		RunE: func(c *cobra.Command, args []string) error {
			in := control.LogLevel{Level: args[len(args)-1], Seconds: int64(limit.Round(time.Second) / time.Second)}
			if len(args) == 2 {
				in.Component = args[0]
			}
			return ask(a, c.Context(), func(s *control.Client) (control.LogLevel, error) {
				return s.SetLogLevel(c.Context(), in)
			}, func(t *table, l control.LogLevel) {
				of, until := "", "until the next start"
				if l.Component != "" {
					of = " of " + l.Component
				}
				if l.Seconds > 0 {
					until = "for " + lasting(time.Duration(l.Seconds)*time.Second)
				}
				t.line("log level%s is %s %s", of, l.Level, until)
			})
		},
	}
	c.Flags().DurationVar(&limit, "for", 0, "go back after this time by itself, such as 30m; 24h at most")
	return c
}

func (a *app) logLevels() *cobra.Command {
	return &cobra.Command{
		Use:   "levels",
		Short: "Show how much is logged, of all and of parts that have a level of their own",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.LogLevels, error) {
				return s.LogLevels(c.Context())
			}, func(t *table, l control.LogLevels) {
				t.row("PART", "LEVEL", "GOES BACK IN")
				for _, v := range l.Levels {
					part, back := v.Component, ""
					if part == "" {
						part = "all others"
					}
					if v.Seconds > 0 {
						back = lasting(time.Duration(v.Seconds) * time.Second)
					}
					t.row(part, v.Level, back)
				}
			})
		},
	}
}

func (a *app) logTail() *cobra.Command {
	in := control.LogTail{Lines: 50}
	follow := false
	c := &cobra.Command{
		Use:   "tail",
		Short: "Show the newest lines, with those that were not worth writing",
		Long: `Shows lines that the running service keeps in memory, debug lines among them, which
are written only when something goes wrong or the level says so. With -f it goes on
until Ctrl-C; with --json each answer is a document of its own then.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := a.dial(c.Context())
			if err != nil {
				return err
			}
			defer client.Close()
			for {
				got, err := client.LogTail(c.Context(), in)
				if follow && c.Context().Err() != nil {
					return nil
				}
				if err != nil {
					return err
				}
				if len(got.Lines) > 0 || !in.Wait {
					if err := a.show(got, func(t *table) { showLines(t, got.Lines) }); err != nil || !follow {
						return err
					}
				}
				in.After, in.Wait, in.Lines = got.Next, true, 500
			}
		},
	}
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is logged next")
	c.Flags().IntVarP(&in.Lines, "lines", "n", in.Lines, "how many lines, 500 at most")
	c.Flags().StringVar(&in.Component, "component", "", "only of this part")
	c.Flags().StringVar(&in.Level, "level", "", "at least: debug, info, warn or error")
	return c
}

func showLines(t *table, lines []control.LogLine) {
	for _, l := range lines {
		var b strings.Builder
		for _, f := range l.Fields {
			value := f.Value
			if value == "" || strings.ContainsAny(value, " =\"") {
				value = strconv.Quote(value)
			}
			fmt.Fprintf(&b, " %s=%s", f.Key, value)
		}
		t.line("%s  %-5s  %s: %s%s", l.Time.Local().Format("15:04:05.000"), l.Level, l.Component, l.Message, b.String())
	}
}
