package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/gateway/service"
)

func (a *app) statusCommand() *cobra.Command {
	var watch bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Is it working? One screen about the running service",
		Long: `Answers "is it working" on one screen: the service, the page, the devices, the store
and its backup, what is not sent yet, the token, the clock, the disk, the appointments,
and what a check found. With --watch the screen is drawn again every 2 seconds, until it
is stopped; with --json too, as one document a line.

While no service runs, it says so, with exit code 3, and shows what a copy of the store
tells to an account that may read it.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !watch {
				return a.status(c.Context())
			}
			return a.watchStatus(c.Context())
		},
	}
	c.Flags().BoolVar(&watch, "watch", false, "draw it again every 2 s, until it is stopped")
	return c
}

const statusEvery = 2 * time.Second

// status shows the screen once.
func (a *app) status(ctx context.Context) error {
	s, down := a.askStatus(ctx)
	if down == nil {
		return a.show(s, func(t *table) { showStatus(t, s) })
	}
	settings, err := config.Load(a.configPath)
	if !isDown(down) || err != nil {
		return down
	}
	s = a.statusDown(ctx, settings, true)
	if err := a.show(s, func(t *table) { showDown(t, s) }); err != nil {
		return err
	}
	return down
}

// watchStatus draws the screen again and again: in place on a terminal.
func (a *app) watchStatus(ctx context.Context) error {
	settings, configured := config.Load(a.configPath)
	if a.isTerminal() && !a.json {
		fmt.Fprint(a.out, "\x1b[2J")
	}
	for {
		s, down := a.askStatus(ctx)
		human := func(t *table) { showStatus(t, s) }
		if down != nil {
			if !errors.Is(down, control.ErrUnreachable) || errors.Is(down, fs.ErrPermission) {
				return down
			}
			if s.Down = (&control.Down{}); configured == nil {
				s = a.statusDown(ctx, settings, false)
			}
			human = func(t *table) { showDown(t, s) }
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := a.frame(s, human); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(statusEvery):
		}
	}
}

// frame shows one screen of many.
func (a *app) frame(data any, human func(*table)) error {
	if a.json {
		return json.NewEncoder(a.out).Encode(document{jsonVersion, data})
	}
	var b bytes.Buffer
	if err := show(&b, a.colours(), human); err != nil {
		return err
	}
	if !a.isTerminal() {
		_, err := fmt.Fprintf(a.out, "%s\n", b.Bytes())
		return err
	}
	// Home, each line to its end, then whatever is left of the screen before.
	text := strings.ReplaceAll(b.String(), "\n", "\x1b[K\r\n")
	_, err := fmt.Fprintf(a.out, "\x1b[H%s\x1b[J", text)
	return err
}

func (a *app) askStatus(ctx context.Context) (control.Status, error) {
	client, err := a.dial(ctx)
	if err != nil {
		return control.Status{}, err
	}
	defer client.Close()
	return client.Status(ctx)
}

// statusDown is what files tell while no service runs.
func (a *app) statusDown(ctx context.Context, settings config.Config, copied bool) control.Status {
	s := control.Status{Version: buildInfo().Version, Kiosk: settings.Kiosk.ID, Site: settings.Kiosk.Site, Now: time.Now(), Devices: []control.Device{}, Checks: []doctor.Report{}}
	down := control.Down{LastWrite: gateway.LastWrite(settings)}
	if copied && gateway.HasKeys(settings) {
		c, err := a.openCopy(ctx, settings)
		if err == nil {
			var kept control.Status
			kept, err = c.Status(ctx)
			if err = errors.Join(err, c.Close()); err == nil {
				s, down.Copy = kept, true
			}
		}
		if err != nil {
			fmt.Fprintln(a.err, "note: no copy of the store could be read:", err)
		}
	}
	if manager, err := service.Query(ctx); err == nil && manager.Installed {
		down.Manager, down.LastExit = manager.State, manager.LastExit
	}
	s.Version, s.Down, s.Disk = buildInfo().Version, &down, gateway.DiskOf(settings.Storage.Dir, time.Time{})
	return s
}

func showDown(t *table, s control.Status) {
	d := s.Down
	text := "no service answers"
	if d.Manager != "" {
		text += ": it is " + d.Manager
		if d.LastExit != 0 {
			text += fmt.Sprintf(", and ended with code %d", d.LastExit)
		}
	}
	if !d.LastWrite.IsZero() {
		text += "; it last wrote " + ago(d.LastWrite, s.Now)
	}
	t.fact("service", text)
	if s.Kiosk != "" {
		t.fact("", fmt.Sprintf("kiosk %s (%s), asked with clinicgate %s", s.Kiosk, s.Site, s.Version))
	}
	t.fact("page", "patients see that they are served at the desk, or nothing")
	if d.Copy {
		t.fact("", "what follows is of a copy of the store")
		showKept(t, s)
	}
	showDisk(t, s.Disk)
}

func showStatus(t *table, s control.Status) {
	text := fmt.Sprintf("clinicgate %s on %s (%s), pid %d, for %s", s.Version, s.Kiosk, s.Site, s.Pid, lasting(s.Now.Sub(s.Started)))
	if s.Restarts != nil {
		text += fmt.Sprintf(", restarted %s", times(*s.Restarts))
	}
	t.fact("service", text)
	if s.Upgrade != "" {
		t.fact("upgrade", "to clinicgate "+s.Upgrade)
	}
	browser := "no browser has it open"
	if s.Page.Browser {
		browser = "open in the browser"
	}
	checkin := "nobody has checked in today"
	if at := s.Page.LastCheckIn; !at.IsZero() {
		checkin = "last check-in " + ago(at, s.Now)
	}
	t.fact("page", s.Page.Listen+", "+browser+", "+checkin)
	if len(s.Page.Speaks) > 0 {
		t.fact("", "can be read aloud in "+strings.Join(s.Page.Speaks, ", "))
	} else {
		t.fact("", "cannot be read aloud: web.speech has no speech for it")
	}
	if s.Page.Board != "" {
		t.fact("board", s.Page.Board)
	}
	if s.Page.Desk != "" {
		t.fact("desk", s.Page.Desk)
	}
	for _, g := range s.Glasses {
		t.fact("glass", fmt.Sprintf("%s has taken the role %s until %s: %s, %s", g.By, g.Role, g.Until.UTC().Format("15:04Z"), g.Reason, g.Reference))
	}
	showThere(t, s.Devices)
	showKept(t, s)
	clock := "no trusted time yet"
	if s.Synced {
		clock = "trusted"
	}
	if s.ClockOffset != nil {
		clock += ", the machine's was off by " + offset(*s.ClockOffset)
	}
	t.fact("clock", clock+", "+s.Now.UTC().Format(time.RFC3339))
	showDisk(t, s.Disk)
	showChecks(t, s)
}

// showThere counts, and names those that are not there.
func showThere(t *table, list []control.Device) {
	there := 0
	var away []string
	for _, d := range list {
		if d.State == "attached" {
			there++
			continue
		}
		away = append(away, d.ID+" "+d.State)
	}
	text := fmt.Sprintf("%d of %d there", there, len(list))
	const named = 6
	if more := len(away) - named; more > 0 {
		away = append(away[:named], fmt.Sprintf("and %d more", more))
	}
	if len(away) > 0 {
		text += "; not there: " + strings.Join(away, ", ")
	}
	t.fact("devices", text)
}

// showKept is what is known from the store, the service running or not.
func showKept(t *table, s control.Status) {
	t.fact("queue", fmt.Sprintf("%d open, %d unfinished, calls for help: %d", s.Queue.Open, s.Queue.Unfinished, s.Queue.Help))
	if n := s.Queue.WaitsPromised; n > 0 {
		t.fact("waits", fmt.Sprintf("%d %% of %d kept what was promised today, %d %% were over ten minutes late", 100*s.Queue.WaitsMet/n, n, 100*s.Queue.WaitsLate/n))
	}
	if s.Roster.Day == "" {
		t.fact("roster", "no appointments")
	} else {
		t.fact("roster", fmt.Sprintf("%s of %s, imported %s", count(s.Roster.Appointments, "appointment"), s.Roster.Day, ago(s.Roster.Imported, s.Now)))
	}
	if s.Roster.Held > 0 {
		t.fact("", count(s.Roster.Held, "list")+" of the watched folder held back: `clinicgate roster held` names them")
	}
	t.fact("store", fmt.Sprintf("%s, %s of %s used, %d audit records, checkpoint %s", s.Store.State, size(s.Store.Used), size(s.Store.Budget), s.Store.AuditSize, ago(s.Store.Checkpoint, s.Now)))
	if s.Store.Recovered != "" {
		t.fact("", s.Store.Recovered)
	}
	if s.Store.Salvages > 0 {
		t.fact("", fmt.Sprintf("salvaged %s, %s lost in all; the audit log names them", count(int(s.Store.Salvages), "time"), count(int(s.Store.Lost), "record")))
	}
	backup := "last good copy " + ago(s.Store.Backup, s.Now)
	if !s.Store.BackupDir {
		backup += ", no nightly one is set up"
	}
	if s.Store.BackupProblem != "" {
		backup += ", the last try failed: " + s.Store.BackupProblem
	}
	t.fact("backup", backup)
	showLink(t, s.Sync, s.Now)
}

// showDisk says how long the disk is good for.
func showDisk(t *table, d control.DiskStatus) {
	if d.Total == 0 {
		return
	}
	text := fmt.Sprintf("%s of %s free", size(int64(d.Free)), size(int64(d.Total)))
	if d.Worn != nil {
		text += fmt.Sprintf(", at most %d %% of its life used", min(100, *d.Worn+10))
	}
	switch {
	case d.Years >= 100:
		text += fmt.Sprintf(", %s written a day: wear does not matter", size(d.Daily))
	case d.Years > 0:
		text += fmt.Sprintf(", %s written a day: lasts %.0f years at this rate", size(d.Daily), d.Years)
	}
	t.fact("disk", text)
}

func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// offset says by how many milliseconds a clock was off.
func offset(millis int64) string {
	return (time.Duration(millis) * time.Millisecond).Abs().Round(10 * time.Millisecond).String()
}

func showChecks(t *table, s control.Status) {
	ok := 0
	for _, c := range s.Checks {
		if c.State == doctor.OK || c.State == doctor.Skipped {
			ok++
		}
	}
	t.fact("checks", fmt.Sprintf("%d of %d have nothing to report", ok, len(s.Checks)))
	for _, c := range s.Checks {
		if c.State != doctor.Warn && c.State != doctor.Fail {
			continue
		}
		t.line("")
		t.finding(string(c.State), fmt.Sprintf("%s: %s (for %s)", c.ID, c.Detail, lasting(s.Now.Sub(c.Since))))
		t.finding("", "hint: "+c.Hint)
	}
}

func showLink(t *table, s control.SyncSummary, now time.Time) {
	link := "offline"
	if s.Online {
		link = "online"
	}
	waiting := "nothing waits"
	if s.Queued > 0 {
		waiting = fmt.Sprintf("%s wait, the oldest was made %s", count(int(s.Queued), "event"), ago(s.Oldest, now))
	}
	t.fact("sync", fmt.Sprintf("%s at %s, last publish %s, %s", link, s.Origin, ago(s.LastPublish, now), waiting))
	if s.LastError != "" {
		t.fact("", "last failure: "+s.LastError)
	}
	showExchange(t, s.Exchange, now)
	switch {
	case !s.Token.Needed:
	case s.Token.Problem != "":
		t.fact("token", s.Token.Problem)
	case !s.Token.Held:
		t.fact("token", "there is none")
	default:
		t.fact("token", tokenTime(s.Token.Expires, now))
	}
}

// showExchange is one line of the site's kiosks.
func showExchange(t *table, e *control.Exchange, now time.Time) {
	if e == nil {
		return
	}
	link := "connected to " + e.Broker
	if !e.Connected {
		link = "no connection to " + e.Broker
	}
	heard := 0
	for _, p := range e.Kiosks {
		if now.Sub(p.Heard) < control.SiteQuiet {
			heard++
		}
	}
	t.fact("site", fmt.Sprintf("%s, %d of %s heard, last %s", link, heard, count(len(e.Kiosks), "other kiosk"), ago(e.LastHeard, now)))
	if e.Reason != "" {
		t.fact("", e.Reason)
	}
	if e.Hint != "" {
		t.fact("", e.Hint)
	}
}

func tokenTime(expires, now time.Time) string {
	if !now.Before(expires) {
		return "expired " + ago(expires, now)
	}
	return "good for " + lasting(expires.Sub(now))
}
