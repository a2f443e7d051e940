package web

import (
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
	Needs     []kiosk.Need `json:"needs,omitempty"`
	Notice    string       `json:"notice,omitempty"` // message key
	Visit     *visitView   `json:"visit,omitempty"`
	Form      *formView    `json:"form,omitempty"`
	Done      *doneView    `json:"done,omitempty"`
	Standing  *standing    `json:"standing,omitempty"`
	Refusal   *refusal     `json:"refusal,omitempty"`
	IdleMs    int64        `json:"idleMs,omitempty"` // until the wipe; only while warned
	Help      HelpState    `json:"help,omitempty"`
}

type visitView struct {
	Name       string `json:"name,omitempty"` // masked
	Department string `json:"department,omitempty"`
	Provider   string `json:"provider,omitempty"`
	At         string `json:"at,omitempty"` // RFC 3339
	Zone       string `json:"zone,omitempty"`
	Video      bool   `json:"video,omitempty"`
}

type formView struct {
	ID       string `json:"id"`
	Language string `json:"language"`
	Title    string `json:"title"`
	Text     string `json:"text"`
	Number   int    `json:"number"`
	Of       int    `json:"of"`
}

type doneView struct {
	Ticket    string `json:"ticket,omitempty"`
	Where     string `json:"where,omitempty"`
	Room      string `json:"room,omitempty"`
	WaitLow   int    `json:"waitLow,omitempty"`
	WaitHigh  int    `json:"waitHigh,omitempty"`
	StaffFlag bool   `json:"staffFlag,omitempty"`
}

type standing struct {
	Sentence  string `json:"sentence"` // message keys already.{sentence}.title and .body
	MayLeave  bool   `json:"mayLeave,omitempty"`
	MayReturn bool   `json:"mayReturn,omitempty"`
}

type refusal struct {
	Sentence string `json:"sentence"` // message keys refused.{sentence}.title and .body
	Again    bool   `json:"again,omitempty"`
	Where    string `json:"where,omitempty"` // department that the visit is in
}

// view makes the picture of now. Server.mu is held.
func (s *Server) view() view {
	x := s.live
	v := view{
		Build: s.build, Epoch: s.epoch, Rev: s.rev, Session: x.id, State: x.state, Language: x.language, Display: x.display,
		StepsLeft: x.state.stepsLeft(), CodeRead: x.state.beforeCode() && !x.held.IsZero(),
		Notice: s.noticeKey(x.notice), Help: s.help,
	}
	if v.CodeRead {
		v.StepsLeft-- // nothing to type
	}
	switch x.state {
	case Needing, Interpreting:
		v.Needs = x.needs
	case Consent:
		f := x.form()
		v.Form = &formView{f.ID, f.Language, f.Title, f.Text, len(x.decisions) + 1, len(x.found.Forms)}
		v.Visit = visitOf(x.found.Visit)
	case Confirming:
		v.Visit = visitOf(x.found.Visit)
		if len(x.found.Forms) == 0 {
			v.StepsLeft = 1
		}
	case Finished:
		v.Done = doneOf(x.done)
	case Known:
		v.Done = doneOf(x.done)
		v.Standing = &standing{s.standingKey(x.found.Standing), x.found.MayLeave, x.found.MayReturn}
	case Turned:
		v.Refusal = &refusal{Sentence: s.sentenceKey(x.sentence), Again: x.again, Where: x.found.Visit.Department}
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

func doneOf(d Done) *doneView {
	out := &doneView{Ticket: d.Ticket, Where: d.Where, Room: d.Room, StaffFlag: d.StaffFlag}
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
	if _, ok := s.words[0].Text["note."+notice]; ok {
		return "note." + notice
	}
	return ""
}
