package gateway

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"os"

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

// openClinic makes the clinic's parts and reads what they keep in memory.
func (g *Gateway) openClinic(ctx context.Context) (io.Closer, error) {
	g.madeFrom = g.clinicKeys()
	organization := g.journal.Organization
	calendar := g.calendar()
	refKey, err := g.referenceKey()
	if err != nil {
		return nil, err
	}
	g.roster, err = roster.New(roster.Config{Organization: organization, Calendar: calendar, RefKey: refKey,
		Codes: roster.Checker{Site: g.cfg.Kiosk.Site, Key: ed25519.PublicKey(g.keys.first(keyring.AppointmentCode))}}, g.store)
	if err != nil {
		return nil, err
	}
	g.folder = g.newRosterFolder()
	forms := consent.EmbeddedForms()
	if dir := g.cfg.Consent.Forms; dir != "" {
		if forms, err = consent.LoadForms(os.DirFS(dir)); err != nil {
			return nil, hinted{err, "correct the files in consent.forms, or leave it empty for the forms that come with the product"}
		}
	}
	if g.consents, err = consent.New(organization, forms); err != nil {
		return nil, err
	}
	var list []queue.Provider
	for _, p := range g.cfg.Providers {
		list = append(list, queue.Provider{ID: kiosk.ProviderID(p.ID), Name: p.Name, Department: kiosk.DepartmentID(p.Department), Room: p.Room})
	}
	g.queue, err = queue.New(queue.Config{
		Kiosk: g.self, Organization: organization, Letter: g.cfg.Kiosk.Letter[0], Calendar: calendar,
		Departments: g.departments, Providers: list,
		NoShowAfter: g.cfg.Queue.NoShowAfter.Duration, Grace: g.cfg.Queue.Grace.Duration,
		Visit: g.cfg.Queue.Visit.Duration, EarlyCall: g.cfg.CheckIn.MayCall.Duration,
		Now: g.clock.Now, Today: g.roster.Today,
		Consents: func(r *storage.Reader, p kiosk.PatientRef) (kiosk.Consents, error) { return g.consents.Consents(r, p) },
	}, g.store, g.log.With("component", "queue"))
	if err != nil {
		return nil, err
	}
	if err := g.roster.Load(ctx); err != nil {
		return nil, fmt.Errorf("cannot read roster: %w", err)
	}
	if err := g.queue.Load(ctx); err != nil {
		return nil, err
	}
	return nil, g.openCheckIn(ctx, refKey, list)
}

func (g *Gateway) calendar() kiosk.Calendar {
	return kiosk.Calendar{Zone: g.cfg.Kiosk.Location(), DayStarts: g.cfg.Kiosk.DayStarts.Duration}
}

// referenceKey gives the clinic's key of patient references. While it has not
// been imported, one of this kiosk's own stands in its place, so that the page
// works; a roster is not taken then.
func (g *Gateway) referenceKey() ([]byte, error) {
	if key := g.keys.first(keyring.PatientReference); key != nil {
		return key, nil
	}
	g.log.Warn("the clinic's patient reference key is not in the keyring; no roster is taken until it is")
	return g.ring.Secret("patient-reference-stand-in")
}

// ticketKey gives the clinic's key of ticket codes. While it has not been
// imported, one of this kiosk's own stands in its place: then a ticket is known
// at the kiosk that gave it.
func (g *Gateway) ticketKey() ([]byte, error) {
	if key := g.keys.first(keyring.Ticket); key != nil {
		return key, nil
	}
	return g.ring.Secret("ticket-stand-in")
}

// online reports whether there is a way to PubNub.
func (g *Gateway) online() bool {
	if g.client == nil {
		return false
	}
	up, _ := g.client.Link()
	return up
}

// openCheckIn makes what the patient's page acts on.
func (g *Gateway) openCheckIn(ctx context.Context, refKey []byte, list []queue.Provider) (err error) {
	c := checkin.Config{
		Kiosk: g.self, Organization: g.journal.Organization, Language: g.cfg.Kiosk.Language(), Providers: list, RefKey: refKey,
		Earliest: g.cfg.CheckIn.Early.Duration, Latest: g.cfg.CheckIn.Late.Duration, EarlyAllowance: g.cfg.CheckIn.MayCall.Duration,
		Zone: g.cfg.Kiosk.Location(), SessionAttempts: g.cfg.CheckIn.Attempts, Now: g.clock.Now,
		Reasons: g.cfg.CheckIn.WalkInReasons, Online: g.online,
	}
	if c.TicketKey, err = g.ticketKey(); err != nil {
		return err
	}
	for _, o := range g.cfg.CheckIn.Opening() {
		c.Hours = append(c.Hours, kiosk.Opening(o))
	}
	for _, d := range g.cfg.Departments {
		c.Departments = append(c.Departments, checkin.Department{ID: kiosk.DepartmentID(d.ID), Name: d.Name, Where: d.Where})
	}
	for _, d := range g.cfg.Kiosk.Departments {
		c.Served = append(c.Served, kiosk.DepartmentID(d))
	}
	if g.checkin, err = checkin.New(c, g.queue, g.consents, g.roster, g.log.With("component", "check-in")); err != nil {
		return err
	}
	if err := g.checkin.Load(ctx); err != nil {
		return err
	}
	if g.recovered, err = g.unsettledLife(ctx); err != nil || g.recovered == 0 {
		return err
	}
	// The views may have lost what the log still knows.
	sources := g.keys.others()
	for _, p := range g.cfg.Providers {
		sources = append(sources, "@"+p.ID)
	}
	return g.checkin.Rebuild(ctx, g.store, sources...)
}
