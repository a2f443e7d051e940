package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
)

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Judge the technical safeguards of the HIPAA security rule",
		Long: `Judges, from the config, the keyring, the store and the audit log, the technical
safeguards of the HIPAA security rule (45 CFR 164.312, and parts of 164.308 and
164.316): pass, fail, or ask, which the clinic shows. It changes nothing, and says
nothing about the clinic's people and papers. While no service runs, it judges a copy of
the store. Exit code 5 when one failed.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ok := true
			judged := func(v control.Validation, err error) (control.Validation, error) {
				ok = err != nil || v.OK
				return v, err
			}
			draw, wipe := a.terminal.progress()
			defer wipe()
			err := askOrCopy(a, c.Context(), func(s *control.Client) (control.Validation, error) {
				return judged(s.Validate(c.Context(), draw))
			}, func(s *gateway.Copy) (control.Validation, error) { return judged(s.Validate(c.Context(), draw)) }, showValidation)
			if err == nil && !ok {
				err = &found{what: "a technical safeguard is missing", hint: "each line that says fail has its own next step"}
			}
			return err
		},
	}
}

func showValidation(t *table, v control.Validation) {
	n := map[doctor.Met]int{}
	for _, s := range v.Safeguards {
		n[s.Met]++
		t.finding(string(s.Met), fmt.Sprintf("%s, %s: %s", s.Rule, s.ID, s.Wants))
		t.finding("", s.Evidence)
		if s.Hint != "" {
			t.finding("", "hint: "+s.Hint)
		}
	}
	t.line("")
	t.line("kiosk %s: %d pass, %d fail, %d for the clinic to show", v.Kiosk, n[doctor.Pass], n[doctor.NotMet], n[doctor.Outside])
}
