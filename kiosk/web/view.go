package web

import (
	"cmp"
	"slices"
	"time"

	"clinicgate/kiosk"
)

// view is the whole of what the page shows. The page draws it and adds nothing
// but words. Epoch names this run of the gateway, and Rev grows with each
// change, so the page knows the newer of two views.
type view struct {
	Build     string       `json:"build"`
	Epoch     string       `json:"epoch"`
	Rev       uint64       `json:"rev"`
	Session   string       `json:"session"`
	State     State        `json:"state"`
	Language  string       `json:"language"`
	Display   display      `json:"display"`
	StepsLeft int          `json:"stepsLeft,omitempty"`
	CodeRead  bool         `json:"codeRead,omitempty"` // a code waits for the language
	Licence   bool         `json:"licence,omitempty"`  // a driving licence would do
	Needs     []kiosk.Need `json:"needs,omitempty"`
	Notice    string       `json:"notice,omitempty"` // message key
	Visit     *visitView   `json:"visit,omitempty"`
	Signing   *signView    `json:"signing,omitempty"`
	Form      *formView    `json:"form,omitempty"`
	Vitals    []vitalView  `json:"vitals,omitempty"`
	Done      *doneView    `json:"done,omitempty"`
	Standing  *standing    `json:"standing,omitempty"`
	Refusal   *refusal     `json:"refusal,omitempty"`
	Party     *partyView   `json:"party,omitempty"`
	IdleMs    int64        `json:"idleMs,omitempty"` // until the wipe; only while warned
	Help      HelpState    `json:"help,omitempty"`
	Present   bool         `json:"present,omitempty"` // somebody stands before the kiosk
}

type visitView struct {
	Name       string `json:"name,omitempty"` // masked
	Department string `json:"department,omitempty"`
	Provider   string `json:"provider,omitempty"`
	At         string `json:"at,omitempty"` // RFC 3339
	Zone       string `json:"zone,omitempty"`
	Video      bool   `json:"video,omitempty"`
}

type signView struct {
	Signers []Signer `json:"signers,omitempty"` // empty: only that there may be another
	Age     int      `json:"age,omitempty"`     // from which the patient signs alone, where hers is not known
}

// partyView is the party: who is done, by number, and whether somebody comes next.
type partyView struct {
	People []personView `json:"people,omitempty"` // where there are several
	Next   bool         `json:"next,omitempty"`   // whose code was read
	More   bool         `json:"more,omitempty"`   // there may be one more

	Paper TicketState `json:"paper,omitempty"` // TicketPrinted: everybody's number is on paper
}

type personView struct {
	Name   string `json:"name,omitempty"` // masked
	Ticket string `json:"ticket,omitempty"`
	Where  string `json:"where,omitempty"`
}

type formView struct {
	ID       string `json:"id"`
	Language string `json:"language"`
	Title    string `json:"title"`
	Text     string `json:"text,omitempty"`
	Number   int    `json:"number,omitempty"`
	Of       int    `json:"of,omitempty"`
}

type doneView struct {
	Ticket      string `json:"ticket,omitempty"`
	Where       string `json:"where,omitempty"`
	Room        string `json:"room,omitempty"`
	WaitLow     int    `json:"waitLow,omitempty"`
	WaitHigh    int    `json:"waitHigh,omitempty"`
	StaffFlag   bool   `json:"staffFlag,omitempty"`
	Provisional bool   `json:"provisional,omitempty"`

	Paper TicketState `json:"paper,omitempty"`
}

type standing struct {
	Sentence  string `json:"sentence"` // message keys already.{sentence}.title and .body
	MayLeave  bool   `json:"mayLeave,omitempty"`
	MayReturn bool   `json:"mayReturn,omitempty"`
}

type refusal struct {
	Sentence string `json:"sentence"` // message keys refused.{sentence}.title and .body
	Again    bool   `json:"again,omitempty"`
	Number   bool   `json:"number,omitempty"`
	Where    string `json:"where,omitempty"` // department that the visit is in
}

// view makes the picture of now. Server.mu is held.
func (s *Server) view() view {
	x := s.live
	v := view{
		Build: s.build, Epoch: s.epoch, Rev: s.rev, Session: x.id, State: x.state, Language: x.language, Display: x.display,
		StepsLeft: x.state.stepsLeft(), CodeRead: x.state.beforeCode() && !x.held.isZero() && x.held.useless == "",
		Notice: s.noticeKey(x.notice), Help: s.help, Present: s.present,
	}
	if v.CodeRead && x.held.method != Carded {
		v.StepsLeft-- // nothing to type
	}
	switch x.state {
	case Needing, Interpreting:
		v.Needs = x.needs
	case Identifying:
		v.Licence = s.deps.Licences != nil && s.deps.Licences()
	case SignDrawn, SignTyped:
		f := x.form()
		v.Form = &formView{ID: f.ID, Language: f.Language, Title: f.Title}
	case Consent:
		f := x.form()
		v.Form = &formView{f.ID, f.Language, f.Title, f.Text, len(x.decisions) + 1, len(x.found.Forms)}
		v.Visit = visitOf(x.found.Visit)
	case Confirming:
		v.Visit = visitOf(x.found.Visit)
		switch {
		case len(x.found.Forms) == 0:
			v.StepsLeft = 1
		case x.mustAsk():
			v.StepsLeft = 3
		case mayBeOther(x.found):
			v.Signing = &signView{}
		}
	case Signing:
		v.Visit = visitOf(x.found.Visit)
		v.Signing = signOf(x.found)
	case Measure:
		v.Vitals = vitalsView(x.measuring.shown)
	case Finished:
		v.Done, v.Party = doneOf(x.done), s.partyView(x)
		v.Done.Paper = s.ticketOf(x)
	case Known:
		v.Done, v.Party = doneOf(x.done), s.partyView(x)
		v.Done.Paper = s.ticketOf(x)
		v.Standing = &standing{s.standingKey(x.found.Standing), x.found.MayLeave, x.found.MayReturn}
	case Turned:
		v.Refusal = &refusal{Sentence: s.sentenceKey(x.sentence), Again: x.again, Number: x.mayNumber, Where: x.found.Visit.Department}
		if len(x.queued) > 0 {
			v.Party = &partyView{Next: true}
		}
	}
	before := x.state == Confirming || x.state == Signing || x.state == Consent || x.state == SignDrawn || x.state == SignTyped
	if before && len(x.found.Vitals) > 0 {
		v.StepsLeft++
	}
	if (before || x.state == Measure) && s.tries(x) {
		v.StepsLeft++
	}
	if x.warned {
		v.IdleMs = max(1, s.idleLeft(x).Milliseconds())
	}
	return v
}

func visitOf(v Visit) *visitView {
	out := &visitView{Name: v.Name.Reveal(), Department: v.Department, Provider: v.Provider, Video: v.Video}
	if !v.At.IsZero() {
		out.At, out.Zone = v.At.Format(time.RFC3339), v.At.Location().String()
	}
	return out
}

func signOf(found Identified) *signView {
	v := &signView{Signers: signers(found)}
	if slices.Contains(v.Signers, SignerSelf) && slices.Contains(v.Signers, SignerParent) {
		v.Age = found.MinAge // nobody knows the patient's, so whoever signs says it
	}
	return v
}

func (s *Server) partyView(x *session) *partyView {
	v := &partyView{Next: len(x.queued) > 0, More: x.people() < maxParty}
	for _, m := range x.members {
		if at := m.found.Standing; len(x.members) > 1 && (at == "" || at == StandingWaiting || at == StandingCalled) {
			v.People = append(v.People, personView{m.found.Visit.Name.Reveal(), m.done.Ticket, cmp.Or(m.done.Room, m.done.Where)})
		}
	}
	if len(v.People) > 0 {
		v.Paper = s.ticketsOf(x.members)
	}
	return v
}

func doneOf(d Done) *doneView {
	out := &doneView{Ticket: d.Ticket, Where: d.Where, Room: d.Room, StaffFlag: d.StaffFlag, Provisional: d.Provisional}
	if d.WaitKnown {
		out.WaitLow, out.WaitHigh = d.WaitLow, d.WaitHigh
	}
	return out
}

// sentenceKey, standingKey and noticeKey keep to sentences that every language has: a reason
// without one still ends at a person.
func (s *Server) sentenceKey(sentence string) string {
	if _, ok := s.words[0].Text["refused."+sentence+".title"]; ok {
		return sentence
	}
	return "desk"
}

func (s *Server) standingKey(at Standing) string {
	if _, ok := s.words[0].Text["already."+string(at)+".title"]; ok {
		return string(at)
	}
	return "desk"
}

func (s *Server) noticeKey(notice string) string {
	for _, key := range []string{"note." + notice, "refused." + notice + ".title"} {
		if _, ok := s.words[0].Text[key]; ok {
			return key
		}
	}
	return ""
}
