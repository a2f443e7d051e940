package gateway

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/web/desk"
	"clinicgate/storage"
)

// openDesk binds the desk's page, where the config has one.
func (g *Gateway) openDesk(ctx context.Context) (io.Closer, error) {
	c := g.cfg.Desk
	if c.Listen == "" {
		return nil, nil
	}
	settings := desk.Config{Listen: c.Listen, Hosts: c.Hosts, Certificate: c.Certificate, Key: c.Key, Idle: c.Idle.Duration,
		Organization: g.journal.Organization, Zone: g.cfg.Kiosk.Zone}
	for _, language := range g.cfg.Kiosk.Languages {
		if slices.Contains(desk.Languages(), language) {
			settings.Language = language
			break
		}
	}
	for _, s := range g.cfg.Staff {
		person := desk.Staff{ID: kiosk.StaffID(s.ID), Name: s.Name}
		for _, role := range s.Roles {
			person.Roles = append(person.Roles, desk.Role(role))
		}
		settings.Staff = append(settings.Staff, person)
	}
	server, err := desk.New(ctx, settings, desk.Deps{Clinic: deskClinic{g}, Store: g.store, Logger: g.log.With("component", "desk"),
		Now: func() time.Time { return g.clock.Now().Wall }})
	if err != nil {
		return nil, hinted{err, "look at [desk] in the config with `clinicgate config check`; if another program uses the port, stop it or set desk.listen"}
	}
	g.desk = server
	return closer(func() error {
		if err := server.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil // Run has closed the port already
	}), nil
}

func (g *Gateway) runDesk(ctx context.Context) error {
	if g.desk == nil {
		<-ctx.Done()
		return nil
	}
	return g.desk.Run(ctx)
}

func (g *Gateway) deskURL() string {
	if g.desk == nil {
		return ""
	}
	return g.desk.URLs()[0]
}

// deskClinic is the clinic as the desk's page shows it and acts on it.
type deskClinic struct{ *Gateway }

// watchAiling tells of changes of what needs somebody.
func (g *Gateway) watchAiling() (<-chan struct{}, func()) {
	if g.tickets == nil {
		return nil, func() {}
	}
	return g.tickets.bell.watch()
}

// Watch tells of changes of the queue, of calls for help and of what is to be mended.
func (g deskClinic) Watch() (<-chan struct{}, func()) {
	queued, endQueue := g.queue.Watch()
	helped, endHelp := g.checkin.WatchHelp()
	ailed, endAiling := g.watchAiling()
	broken, endBroken := g.glasses.bell.watch()
	rung, ended := make(chan struct{}, 1), make(chan struct{})
	go func() { // the bells are one; it ends when cancel is called
		for {
			select {
			case <-ended:
				return
			case <-queued:
			case <-helped:
			case <-ailed:
			case <-broken:
			}
			select {
			case rung <- struct{}{}:
			default:
			}
		}
	}()
	return rung, func() { close(ended); endQueue(); endHelp(); endAiling(); endBroken() }
}

// View gives what staff see, with the names that this kiosk's roster holds.
func (g deskClinic) View(ctx context.Context) (desk.View, error) {
	day := g.queue.Today()
	v := desk.View{Day: day, Online: g.online(), Rooms: staffActs(g).rooms(), Reasons: g.cfg.CheckIn.WalkInReasons}
	for _, d := range g.departments {
		v.Departments = append(v.Departments, desk.Department{ID: d, Name: g.departmentName(string(d), g.cfg.Kiosk.Language())})
	}
	unfinished := g.unfinished()
	err := g.store.View(ctx, func(r *storage.Reader) error {
		for into, states := range map[*[]desk.Entry][]queue.State{&v.Entries: g.queue.States(day), &v.Left: g.queue.Left(day)} {
			for _, s := range states {
				e, err := g.entryShown(r, s)
				if err != nil {
					return err
				}
				e.Unfinished = unfinished[e.ID]
				*into = append(*into, e)
			}
		}
		return nil
	})
	if err != nil {
		return desk.View{}, err
	}
	for _, p := range g.cfg.Providers {
		id := kiosk.ProviderID(p.ID)
		v.Providers = append(v.Providers, desk.Provider{ID: id, Name: p.Name, Department: kiosk.DepartmentID(p.Department), Status: g.queue.Availability(id), Room: g.queue.RoomOf(id).String()})
	}
	for _, l := range g.folder.shown() {
		v.Held = append(v.Held, desk.HeldList{ID: l.ID, Why: l.Why, Since: l.Since, Rows: l.Rows, Days: l.Days, Importable: l.Importable})
	}
	v.Ailing, v.Glasses = g.tickets.ailing(), g.glassesShown()
	for _, h := range g.checkin.OpenHelp() {
		shown := desk.Help{ID: h.ID.String(), Kind: string(h.Kind), Department: h.Department, Kiosk: h.Kiosk, Ticket: h.Ticket, At: h.At}
		if h.Status != kiosk.EscalationActive {
			shown.By = h.By
		}
		v.Help = append(v.Help, shown)
	}
	return v, nil
}

func (g deskClinic) entryShown(r *storage.Reader, s queue.State) (desk.Entry, error) {
	e := s.Entry
	out := desk.Entry{
		ID: e.ID, Ticket: e.Metadata.Ticket, Department: e.Department, Provider: e.Provider, Status: e.Status, Priority: e.Priority, Mode: e.Metadata.Mode,
		CheckIn: e.CheckInTime, Appointment: e.Metadata.AppointmentTime, Language: e.Metadata.Language, Interpreter: e.Metadata.InterpreterNeeded,
		Needs: e.Metadata.Needs, Flags: e.Metadata.Flags, LastBy: s.Last.By,
		Reason: e.Metadata.Reason, Unlisted: s.Unlisted, Removed: s.Removed,
	}
	if s.Call.Times > 0 {
		out.Room, out.Called, out.Calls = g.queue.CallRoom(s).String(), s.Call.At, s.Call.Times
	}
	if low, high, known := g.queue.Wait(e.ID); known {
		out.WaitLow, out.WaitHigh = low, high
	}
	notes, err := g.consentNotes(r, s)
	if err != nil {
		return out, err
	}
	// The notes say the same, by type and with the reason.
	out.Consents = notes
	out.Flags = slices.DeleteFunc(slices.Clone(e.Metadata.Flags), func(f kiosk.Flag) bool { return f == kiosk.FlagConsentDeclined || f == kiosk.FlagConsentMissing })
	out.Name, out.Born, err = g.whoIs(r, e)
	return out, err
}

// whoIs gives the name of an entry's patient as far as this kiosk's roster has it, and
// the birth date of who is on no list.
func (g *Gateway) whoIs(r *storage.Reader, e kiosk.Entry) (name, born phi.Text, err error) {
	if e.Appointment == "" {
		who, _, err := g.roster.Unlisted(r, e.Metadata.Day, e.ID)
		return who.Name(), who.Birth, err
	}
	a, ok, err := g.roster.Appointment(r, e.Metadata.Day, e.Appointment)
	if ok {
		name = listName(a)
	}
	return name, phi.Text{}, err
}

// listName writes a name as lists have it: the family's first, and in the
// person's own script where the roster has that.
func listName(a roster.Appointment) phi.Text {
	var parts []string
	for _, p := range []phi.Text{a.Family, a.Given} {
		if !p.IsZero() {
			parts = append(parts, p.Reveal())
		}
	}
	name := strings.Join(parts, ", ")
	if !a.Native.IsZero() {
		name = strings.TrimSpace(name + " " + a.Native.Reveal())
	}
	return phi.New(name)
}

// Do carries out one act, by the rules of the terminal's.
func (g deskClinic) Do(ctx context.Context, act kiosk.Act, in desk.Act) (err error) {
	acts := staffActs(g)
	switch in.Event {
	case desk.Admit:
		_, err = acts.admit(ctx, act, in.Appointment, in.HappenedAt)
	case desk.WalkIn:
		_, err = acts.walkIn(ctx, act, checkin.WalkIn{Department: in.Department, Reason: in.Reason, Birth: in.Born,
			Name: roster.Unlisted{Family: in.Family, Given: in.Given}.Name()}, in.HappenedAt)
	case desk.Match:
		_, err = acts.match(ctx, act, in.Entry, in.Appointment)
	case desk.Call:
		_, err = acts.call(ctx, act, in.Entry, in.Room, in.HappenedAt)
	case desk.SetStatus:
		_, err = acts.setStatus(ctx, act, in.Entry, in.Status, in.HappenedAt)
	case desk.Remove:
		_, err = acts.remove(ctx, act, in.Entry, in.Removal, in.HappenedAt)
	case desk.SetPriority:
		_, err = acts.setPriority(ctx, act, in.Entry, in.Priority)
	case desk.Transfer:
		_, err = acts.transfer(ctx, act, in.Entry, in.Department)
	case desk.Undo:
		_, err = acts.undo(ctx, act, in.Entry)
	case desk.SetProvider:
		err = acts.setProvider(ctx, act, in.Provider, in.Availability, in.Room)
	case desk.Acknowledge:
		_, err = acts.answerHelp(ctx, act, in.Help, g.checkin.Acknowledge)
	case desk.Resolve:
		_, err = acts.answerHelp(ctx, act, in.Help, g.checkin.Resolve)
	default:
		return errors.New("the desk's page has an act that the clinic does not know")
	}
	if reason := reasonOf(err); reason != "" {
		return &desk.Refusal{Reason: reason, Err: err}
	}
	return err
}

// Expected lists today's appointments that nobody has arrived for, by time.
func (g deskClinic) Expected(ctx context.Context) ([]desk.Expected, error) {
	day := g.queue.Today()
	list, err := g.roster.List(ctx, day)
	if err != nil {
		return nil, err
	}
	var out []desk.Expected
	for _, a := range list {
		if e, ok := g.queue.Arrived(day, a.ID); ok && e.Status != kiosk.CheckedIn {
			continue
		}
		out = append(out, desk.Expected{Appointment: a.ID, Name: listName(a), Born: a.Birth, At: a.Start, Department: a.Department, Provider: g.providerName(string(a.Provider))})
	}
	return out, nil
}

// Day lists the appointments of today, and who came without one.
func (g deskClinic) Day(ctx context.Context) (desk.Day, error) {
	day := g.queue.Today()
	appointments, err := g.roster.List(ctx, day)
	if err != nil {
		return desk.Day{}, err
	}
	out := desk.Day{Day: day}
	names, err := g.unlistedNames(ctx, day)
	if err != nil {
		return desk.Day{}, err
	}
	came := map[kiosk.AppointmentID]queue.State{}
	for _, s := range slices.Concat(g.queue.States(day), g.queue.Left(day)) {
		if s.Entry.Appointment != "" {
			came[s.Entry.Appointment] = s
			continue
		}
		row := g.rowOf(s)
		row.At, row.WalkIn = s.Entry.CheckInTime, true
		row.Name = names[s.Entry.ID]
		out.Rows = append(out.Rows, row)
	}
	for _, a := range appointments {
		row := desk.Row{Department: g.departmentName(string(a.Department), g.cfg.Kiosk.Language()), Provider: g.providerName(string(a.Provider)), Language: a.Language}
		if s, ok := came[a.ID]; ok {
			row = g.rowOf(s)
			delete(came, a.ID)
		}
		row.At, row.Name = a.Start, listName(a)
		out.Rows = append(out.Rows, row)
	}
	for _, s := range came { // checked in at another kiosk, and not on this one's roster
		row := g.rowOf(s)
		row.At = cmp.Or(s.Entry.Metadata.AppointmentTime, s.Entry.CheckInTime)
		out.Rows = append(out.Rows, row)
	}
	slices.SortStableFunc(out.Rows, func(a, b desk.Row) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Ticket, b.Ticket)) })
	return out, nil
}

// unlistedNames gives the names of who came without an appointment.
func (g deskClinic) unlistedNames(ctx context.Context, day kiosk.Day) (map[kiosk.EntryID]phi.Text, error) {
	names := map[kiosk.EntryID]phi.Text{}
	err := g.store.View(ctx, func(r *storage.Reader) error {
		for _, s := range slices.Concat(g.queue.States(day), g.queue.Left(day)) {
			if s.Entry.Appointment != "" {
				continue
			}
			who, _, err := g.roster.Unlisted(r, day, s.Entry.ID)
			if err != nil {
				return err
			}
			names[s.Entry.ID] = who.Name()
		}
		return nil
	})
	return names, err
}

func (g deskClinic) rowOf(s queue.State) desk.Row {
	e := s.Entry
	return desk.Row{Department: g.departmentName(string(e.Department), g.cfg.Kiosk.Language()), Provider: g.providerName(string(e.Provider)),
		Ticket: e.Metadata.Ticket, Status: e.Status, Language: e.Metadata.Language, Interpreter: e.Metadata.InterpreterNeeded, Needs: e.Metadata.Needs, Removed: s.Removed}
}

// deskBackend is who may use the desk, for the commands.
type deskBackend struct{ *Gateway }

var errDeskOff = &control.Error{Code: control.Unavailable, Message: "the desk is off", Next: "set desk.listen and desk.hosts in the config, add [[staff]], and restart the service"}

// Pair gives a code for one browser.
func (g deskBackend) Pair(_ context.Context, by control.Caller, in control.DeskPair) (control.DeskPairing, error) {
	if g.desk == nil {
		return control.DeskPairing{}, errDeskOff
	}
	code, expires, err := g.desk.Pair(by.Actor, in.Name)
	if err != nil {
		return control.DeskPairing{}, deskRefused(err)
	}
	return control.DeskPairing{Code: code, Expires: expires, URLs: g.desk.URLs(), Fingerprint: g.desk.Fingerprint()}, nil
}

// Browsers lists the paired browsers.
func (g deskBackend) Browsers(context.Context, control.Caller) (control.DeskBrowsers, error) {
	out := control.DeskBrowsers{Browsers: []control.DeskBrowser{}}
	if g.desk == nil {
		return out, errDeskOff
	}
	for _, b := range g.desk.Browsers() {
		out.Browsers = append(out.Browsers, control.DeskBrowser{ID: b.ID, Name: b.Name, Paired: b.Paired, By: b.By, LastUse: b.LastUse, Staff: string(b.Staff)})
	}
	return out, nil
}

// Revoke takes a browser's key away.
func (g deskBackend) Revoke(ctx context.Context, by control.Caller, in control.DeskRevoke) (control.DeskBrowsers, error) {
	if g.desk == nil {
		return control.DeskBrowsers{}, errDeskOff
	}
	if err := g.desk.Revoke(ctx, by.Actor, in.ID); err != nil {
		return control.DeskBrowsers{}, deskRefused(err)
	}
	return g.Browsers(ctx, by)
}

// SetPIN gives a person a new PIN.
func (g deskBackend) SetPIN(ctx context.Context, by control.Caller, in control.DeskPIN) (control.None, error) {
	if g.desk == nil {
		return control.None{}, errDeskOff
	}
	return control.None{}, deskRefused(g.desk.SetPIN(ctx, by.Actor, kiosk.StaffID(in.Staff), in.PIN))
}

// Certificate gives the certificate that the desk's computers may be told to
// trust.
func (g deskBackend) Certificate(context.Context, control.Caller) (control.DeskCertificate, error) {
	if g.desk == nil {
		return control.DeskCertificate{}, errDeskOff
	}
	text, own := g.desk.Certificate()
	return control.DeskCertificate{PEM: string(text), Fingerprint: g.desk.Fingerprint(), Own: own}, nil
}

// deskRefused puts what the desk refuses into the channel's words.
func deskRefused(err error) error {
	for _, row := range []struct {
		err  error
		code control.Code
		next string
	}{
		{desk.ErrPINForm, control.Invalid, "choose another"},
		{desk.ErrPINEasy, control.Invalid, "choose digits that are no date, no row and no pattern"},
		{desk.ErrNoStaff, control.NotFound, "add a [[staff]] table to the config and restart the service"},
		{desk.ErrNoBrowser, control.NotFound, "`clinicgate desk browsers` lists them"},
		{desk.ErrManyBrowsers, control.Conflict, "revoke one that is not used any more; `clinicgate desk browsers` lists them"},
		{desk.ErrBrowserName, control.Invalid, "such as --name \"front desk, left\""},
		{desk.ErrNotRevoked, control.Unavailable, "revoke it again, until it is recorded; `clinicgate doctor` says what keeps the store from it"},
		{storage.ErrFull, control.Unavailable, "restore the connection to PubNub, or raise storage.budget"},
	} {
		if errors.Is(err, row.err) {
			return &control.Error{Code: row.code, Message: row.err.Error(), Next: row.next}
		}
	}
	return err
}
