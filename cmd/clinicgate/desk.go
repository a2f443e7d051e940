package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"clinicgate/gateway/control"
)

func (a *app) deskCommand() *cobra.Command {
	return group("desk", "Who may use the desk's page", a.deskPair(), a.deskBrowsers(), a.deskRevoke(), a.deskPIN(), a.deskCertificate())
}

func (a *app) deskPair() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "pair",
		Short: "Let one browser in: print a code that works once within ten minutes",
		Long: `Prints a code that connects one browser of the clinic's network to the desk. Open
the printed address there, compare the fingerprint with the one that the browser
shows for the page's certificate, and type the code. A code printed before is void.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.DeskPairing, error) {
				return s.DeskPair(c.Context(), control.DeskPair{Name: name})
			}, func(t *table, p control.DeskPairing) {
				t.row("code", p.Code)
				t.row("until", p.Expires.Local().Format("15:04"))
				for _, u := range p.URLs {
					t.row("address", u)
				}
				t.row("SHA-256", p.Fingerprint)
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "what the list of browsers calls it, such as \"front desk, left\"")
	return c
}

func showBrowsers(t *table, l control.DeskBrowsers) {
	t.row("ID", "NAME", "PAIRED", "BY", "LAST USE", "LOGGED IN")
	for _, b := range l.Browsers {
		used := "not since the start"
		if !b.LastUse.IsZero() {
			used = ago(b.LastUse, time.Now())
		}
		t.row(b.ID, b.Name, b.Paired.Local().Format(time.DateOnly), b.By, used, b.Staff)
	}
}

func (a *app) deskBrowsers() *cobra.Command {
	return &cobra.Command{
		Use:   "browsers",
		Short: "List the browsers that may show the desk",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.DeskBrowsers, error) { return s.DeskBrowsers(c.Context()) }, showBrowsers)
		},
	}
}

func (a *app) deskRevoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "Shut a browser out at once",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.DeskBrowsers, error) {
				return s.DeskRevoke(c.Context(), control.DeskRevoke{ID: args[0]})
			}, func(t *table, l control.DeskBrowsers) {
				t.line("%s is shut out; %s left", args[0], count(len(l.Browsers), "browser"))
			})
		},
	}
}

func (a *app) deskPIN() *cobra.Command {
	return &cobra.Command{
		Use:   "pin STAFF",
		Short: "Give a member of staff a new PIN",
		Long: `Asks twice for a PIN of 6 to 12 digits, best typed by the person whose it is; it is
not shown. When standard input is no terminal, its first line is the PIN. The old
PIN ends, and with it what the person has open at the desk.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			pin, err := a.readPIN()
			if err != nil {
				return err
			}
			return ask(a, c.Context(), func(s *control.Client) (control.None, error) {
				return s.DeskPIN(c.Context(), control.DeskPIN{Staff: args[0], PIN: pin})
			}, func(t *table, _ control.None) { t.line("%s has a new PIN", args[0]) })
		},
	}
}

const maxPINLine = 64

// readPIN asks at the terminal without echo, or takes the first line of what is
// piped in.
func (a *app) readPIN() (string, error) {
	f, ok := a.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(a.stdin, maxPINLine)).ReadString('\n')
		if err != nil && err != io.EOF {
			return "", fmt.Errorf("cannot read PIN: %w", err)
		}
		return strings.TrimSpace(line), nil
	}
	var typed [2][]byte
	for i, prompt := range []string{"PIN: ", "once more: "} {
		fmt.Fprint(a.err, prompt)
		text, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(a.err)
		if err != nil {
			return "", fmt.Errorf("cannot read PIN: %w", err)
		}
		typed[i] = text
	}
	if !bytes.Equal(typed[0], typed[1]) {
		return "", &mistake{err: fmt.Errorf("the two PINs differ"), hint: "type the same PIN twice; nothing was changed"}
	}
	return string(typed[0]), nil
}

func (a *app) deskCertificate() *cobra.Command {
	return &cobra.Command{
		Use:   "certificate",
		Short: "Print the certificate that the desk's computers are to trust",
		Long: `Prints, in PEM form, the certificate of the authority that this kiosk issues the
desk's certificate with, for the trust store of the desk's computers. It can speak
for the hosts in desk.hosts only. With a certificate from the config it prints that.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return ask(a, c.Context(), func(s *control.Client) (control.DeskCertificate, error) { return s.DeskCertificate(c.Context()) },
				func(t *table, d control.DeskCertificate) {
					for line := range strings.Lines(d.PEM) {
						t.line("%s", strings.TrimRight(line, "\n"))
					}
				})
		},
	}
}
