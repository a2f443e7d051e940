package gateway

import (
	"context"
	"slices"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/checkin"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/web"

	"github.com/google/uuid"
)

// pageCheckIn is the check-in as the page asks for it.
type pageCheckIn struct{ *Gateway }

// Identify looks a code or a person up and commits the arrival.
func (p pageCheckIn) Identify(ctx context.Context, in web.Identify) (web.Identified, error) {
	if in.Useless != "" {
		found, err := p.checkin.RefuseScan(ctx, checkin.ScanInput{Session: in.Session, Kind: in.Kind, Outcome: checkin.Outcome(in.Useless), Language: in.Language, Request: in.Request})
		if err != nil {
			return web.Identified{}, err
		}
		return p.answer(found), nil
	}
	if in.Method == web.Named || in.Method == web.Licensed {
		method := roster.Named
		if in.Method == web.Licensed {
			method = roster.Licensed
		}
		claim := identity.Claim{Birth: in.Person.Birth, Name: fullName(in.Person), Time: in.Person.Time, Phone: in.Person.Phone}
		identify := p.checkin.IdentifyPerson
		if in.Number {
			identify = p.checkin.Provisional
		}
		found, err := identify(ctx, checkin.PersonInput{Session: in.Session, Method: method, Claim: claim, NoMore: in.NoMore, Language: in.Language, Needs: in.Needs, Request: in.Request})
		if err != nil {
			return web.Identified{}, err
		}
		out := p.answer(found)
		p.ticketFor(in, found)
		if found.Outcome == checkin.NotFound {
			out.Sentence, out.MayNumber = "no-person", found.MayProvision
		}
		return out, nil
	}
	if in.Method == web.Carded {
		found, err := p.checkin.IdentifyCard(ctx, checkin.CardInput{Session: in.Session, Number: in.Value, Birth: in.Person.Birth, Language: in.Language, Needs: in.Needs, Request: in.Request})
		if err != nil {
			return web.Identified{}, err
		}
		out := p.answer(found)
		switch {
		case found.Outcome == checkin.NotFound && in.Value.IsZero():
			out.Sentence = "other-card" // no date of birth would help it
		case found.Outcome == checkin.NotFound:
			out.Sentence = "no-card"
		}
		return out, nil
	}
	method := roster.Scanned
	if in.Method == web.Typed {
		method = roster.Typed
	}
	found, err := p.checkin.Identify(ctx, checkin.IdentifyInput{Session: in.Session, Method: method, Value: in.Value, Language: in.Language, Needs: in.Needs, Request: in.Request})
	if err != nil {
		return web.Identified{}, err
	}
	p.ticketFor(in, found)
	return p.answer(found), nil
}

// ticketFor prints the ticket of who has a number now, and lets who had one ask for
// another.
func (p pageCheckIn) ticketFor(in web.Identify, found checkin.Identified) {
	switch found.Outcome {
	case checkin.Provisional:
		p.tickets.issue(in.Session, found.Entry, in.Language)
	case checkin.Already:
		p.tickets.scanned(found.Entry)
	}
}

// fullName parts the names by a comma, so that it is known which is which.
func fullName(p web.Person) phi.Text {
	switch {
	case p.Family.IsZero():
		return p.Given
	case p.Given.IsZero():
		return p.Family
	}
	return phi.New(p.Family.Reveal() + ", " + p.Given.Reveal())
}

// answer is what the page shows of what the check-in found.
func (p pageCheckIn) answer(found checkin.Identified) web.Identified {
	p.meters.identified.Add(string(found.Outcome))
	out := web.Identified{Entry: uuid.UUID(found.Entry), Visit: web.Visit{
		Name: found.Visit.Name, Department: found.Visit.Department, Provider: found.Visit.Provider, Video: found.Visit.Mode == kiosk.Video}}
	if !found.Visit.Appointment.IsZero() {
		out.Visit.At = found.Visit.Appointment.In(p.cfg.Kiosk.Location())
	}
	switch found.Outcome {
	case checkin.OK:
		out.Outcome, out.Forms = web.Found, formsShown(found.Forms)
		if e, ok := p.queue.Entry(found.Entry); ok {
			out.Vitals = p.wanted(e.Department)
		}
		out.AskSigner, out.MinAge = found.AskSigner, found.MinAge
		for _, r := range found.Signers {
			out.Signers = append(out.Signers, web.Signer(r))
		}
		out.Sentence = string(found.Timing)
		if found.DeskSign {
			out.Sentence = "no-form"
		}
	case checkin.Provisional:
		// Where to wait, and how long, is known once the desk has found the appointment.
		out.Outcome, out.Done = web.Numbered, web.Done{Ticket: found.Place.Ticket, Provisional: true}
	case checkin.AskTime:
		out.Outcome, out.Ask = web.Asked, web.AppointmentTime
	case checkin.AskPhone:
		out.Outcome, out.Ask = web.Asked, web.PhoneDigits
	case checkin.Already:
		out.Outcome, out.Done, out.Standing = web.Already, placeShown(found.Place), web.Standing(found.Place.Status)
		if found.Place.Status == kiosk.Waiting && found.Place.Called {
			out.Standing = web.StandingCalled
		}
		out.MayLeave = slices.Contains(found.Actions, checkin.Leave)
		out.MayReturn = slices.Contains(found.Actions, checkin.Back)
	default:
		out.Sentence = string(found.Outcome)
		out.Again = found.Outcome == checkin.NotFound || found.Outcome == checkin.Unreadable || found.Outcome == checkin.OtherCard
	}
	return out
}

func formsShown(forms []consent.Form) []web.Form {
	var out []web.Form
	for _, f := range forms {
		out = append(out, web.Form{ID: f.ID, Type: string(f.Type), Version: f.Version, Language: f.Language, Title: f.Title, Text: f.Text, SHA256: f.SHA256, Signature: f.Signature})
	}
	return out
}

func placeShown(p checkin.Place) web.Done {
	return web.Done{Ticket: p.Ticket, Where: p.Where, Room: p.Room, WaitLow: p.WaitLow, WaitHigh: p.WaitHigh, WaitKnown: p.WaitKnown}
}

// Finish commits the decisions and the place in the queue.
func (p pageCheckIn) Finish(ctx context.Context, in web.Finish) (web.Done, error) {
	f := checkin.FinishInput{Session: in.Session, Entry: kiosk.EntryID(in.Entry), NotRight: in.NotRight, Devices: checkin.Devices(in.Devices),
		Unsigned: in.Unsigned, Request: in.Request}
	for _, d := range in.Decisions {
		f.Decisions = append(f.Decisions, consent.Decision{FormID: d.FormID, Version: d.Version, Language: d.Language, SHA256: d.SHA256, Granted: d.Granted,
			Relation: consent.Relation(in.Signer), Interpreter: in.Interpreter, Signature: d.Signature})
	}
	done, err := p.checkin.Finish(ctx, f)
	if err != nil {
		return web.Done{}, err
	}
	out := placeShown(done.Place)
	out.StaffFlag = done.StaffFlag
	if !done.CheckedIn {
		p.meters.finished.Add("at-desk")
		out.Ticket = ""
		return out, nil
	}
	p.meters.finished.Add("checked-in")
	p.tickets.issue(in.Session, f.Entry, in.Language)
	return out, nil
}

// Move takes a patient who scanned again out of the queue, or back into it.
func (p pageCheckIn) Move(ctx context.Context, in web.Move) (web.Identified, error) {
	entry := kiosk.EntryID(in.Entry)
	place, err := p.checkin.PlaceOf(in.Session, entry)
	if err != nil {
		return web.Identified{}, err
	}
	// Where the visit is already there, the first try's answer was lost.
	gone := place.Status == kiosk.Cancelled
	switch {
	case in.Leave && !gone:
		err = p.checkin.Leave(ctx, in.Session, entry, in.Request)
	case !in.Leave && (gone || place.Status == kiosk.NoShow):
		err = p.checkin.Back(ctx, in.Session, entry, in.Request)
	}
	if err == nil {
		place, err = p.checkin.PlaceOf(in.Session, entry)
	}
	if err != nil {
		return web.Identified{}, err
	}
	if place.Status == kiosk.CheckedIn { // back from a cancelled visit: the forms follow
		signing, err := p.checkin.Forms(ctx, in.Session, entry, in.Language)
		return p.answer(checkin.Identified{Outcome: checkin.OK, Entry: entry, Signing: signing}), err
	}
	found := checkin.Identified{Outcome: checkin.Already, Entry: entry, Place: place}
	switch {
	case in.Leave:
		found.Actions = []checkin.Action{checkin.Back}
	case place.Status == kiosk.Waiting:
		found.Actions = []checkin.Action{checkin.Leave}
	}
	return p.answer(found), nil
}

// EndSession says that nobody holds the check-in that the session had begun.
func (p pageCheckIn) EndSession(ctx context.Context, session string, why web.Ending) error {
	return p.checkin.EndSession(ctx, session, string(why))
}

// Help calls a person. The alarm does not wait for the disk; HelpState tells
// whether the call is recorded.
func (p pageCheckIn) Help(ctx context.Context, session string, kind web.HelpKind, _ uuid.UUID) error {
	_, err := p.checkin.Help(ctx, session, checkin.HelpKind(kind))
	return err
}

// writeTime is how long a call may take to be recorded before the page says so.
const writeTime = time.Second

// HelpState tells how far this kiosk's call has come. It promises a person only
// where one can know: the call is recorded, and there is a way to somebody.
func (p pageCheckIn) HelpState() web.HelpState {
	h, ok := p.checkin.KioskHelp()
	online, _ := p.client.Link()
	switch {
	case !ok:
		return web.HelpNone
	case h.Status == kiosk.EscalationAcknowledged:
		return web.HelpComing
	case !online, !h.Durable && p.clock.Now().Wall.Sub(h.At) > writeTime:
		return web.HelpDesk
	}
	return web.HelpCalled
}
