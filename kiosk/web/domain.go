package web

import (
	"context"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/phi"

	"github.com/google/uuid"
)

// CheckIn is the clinic's side of a check-in. Every call is safe to repeat with
// the same Request: the second one gives the first one's answer. A nil error
// means that what happened is durable.
type CheckIn interface {
	// Identify looks a code or a person up and, where there is an appointment,
	// commits the arrival as unfinished. Asked commits nothing.
	Identify(ctx context.Context, in Identify) (Identified, error)
	// Finish commits the decisions and the place in the queue, all or nothing.
	Finish(ctx context.Context, in Finish) (Done, error)
	// Move takes a patient who scanned again out of the queue, or back into it,
	// and answers as Identify does; it may leave Visit empty.
	Move(ctx context.Context, in Move) (Identified, error)
	// EndSession says that the session is over, and why: nobody holds the check-in
	// that it had begun and not finished.
	EndSession(ctx context.Context, session string, why Ending) error
	// Help calls a person to this kiosk. It returns nil only after the call is
	// recorded and the local alarm was asked for.
	Help(ctx context.Context, session string, kind HelpKind, request uuid.UUID) error
	// HelpState tells how far this kiosk's latest call has come. It must not block.
	HelpState() HelpState
}

// Ending is why a session is over.
type Ending string

const (
	EndLeft    Ending = "left"         // the patient pressed "finish" or "start over"
	EndIdle    Ending = "idle"         // nobody was there: automatic logoff
	EndNext    Ending = "next patient" // another code was read
	EndLaunch  Ending = "launch"       // the browser was started anew
	EndNotOurs Ending = "not together" // the next person does not belong to this one
)

// Method is how the page learned who the patient is.
type Method string

const (
	Scanned  Method = "scan"
	Typed    Method = "typed"
	Named    Method = "named"   // by date of birth and name
	Licensed Method = "licence" // likewise, as a driving licence says them
	Carded   Method = "card"    // by a contactless card and the date of birth
)

// Identify is the patient's claim: one code, or who she is.
type Identify struct {
	Session  string
	Method   Method
	Value    phi.Text     // Scanned, Typed; Carded: the card's number, empty for a card that finds nobody
	Useless  Useless      // Scanned, instead of Value: there is nobody to look up
	Kind     string       // Useless: see Read
	Person   Person       // Named, Licensed; Carded: Birth alone
	NoMore   bool         // Named, Licensed: the patient can tell nothing more about herself
	Number   bool         // Named: give a number to who was not found; see Identified.MayNumber
	Language string       // tag of the language that the patient chose
	Needs    []kiosk.Need // the help that the patient asked for
	Request  uuid.UUID
}

// Read is what was scanned, as far as the page uses it: a code, a person, or
// neither of them.
type Read struct {
	Kind    string   // the device layer's word, such as "driving-licence"; empty when not known
	Code    phi.Text // to be looked up
	Person  Person   // whose licence it is
	Useless Useless
}

// Useless is why a scan leads to nobody; it is the last part of the key of a
// sentence.
type Useless string

const (
	Unreadable Useless = "unreadable" // it was not read whole: try again
	OtherCard  Useless = "other-card" // it does not say who somebody is, or must not be taken
	NoCode     Useless = "not-found"  // it is no code of any clinic
)

// Person is who a patient without a code says she is.
type Person struct {
	Birth         phi.Text // 2006-01-02
	Family, Given phi.Text // one of them may be empty
	Time          phi.Text // of the appointment, as 15:04 in the clinic's zone; empty until asked, or not known
	Phone         phi.Text // its last two digits; empty until asked
}

// Outcome is what became of an Identify.
type Outcome int

const (
	Refused  Outcome = iota // Sentence says why; the desk helps
	Found                   // the check-in goes on
	Already                 // checked in before; Done and Standing say where she stands
	Numbered                // not found, and taken in all the same: Done has the number, and the desk looks for the appointment
	Asked                   // several have this name and date of birth; Ask tells them apart
)

// Identified is the answer to an Identify.
type Identified struct {
	Outcome  Outcome
	Sentence string // last part of a message key: "not-found", "wrong-day", "late"; empty for none
	Again    bool   // refused, and another try is allowed
	// MayNumber: refused, and the list may lack who is expected, whoever asks. The
	// patient may have a number all the same.
	MayNumber bool
	Ask       Factor // Asked
	Entry     uuid.UUID
	Visit     Visit
	Forms     []Form // in the patient's language, in the order to be asked; may be empty
	// Vitals are what the visit's department wants measured here, and can be, in the
	// order to be asked: last parts of message keys. The patient may skip all of it.
	Vitals []string

	// Signers are who may sign the forms. AskSigner: the patient does not sign, or it
	// is not known that she may, so the page asks. MinAge is the age, in years, from
	// which a patient signs alone.
	Signers   []Signer
	AskSigner bool
	MinAge    int

	// For Already:
	Done                Done
	Standing            Standing
	MayLeave, MayReturn bool
}

// Signer is by what right somebody signs, as the clinic's record names it.
type Signer string

// The signers that the page has a sentence for.
const (
	SignerSelf           Signer = "self"
	SignerParent         Signer = "parent"
	SignerGuardian       Signer = "guardian"
	SignerRepresentative Signer = "legal-representative"
	SignerProxy          Signer = "health-care-proxy"
)

// Factor is what tells people of one name and date of birth apart.
type Factor int

const (
	AppointmentTime Factor = iota + 1
	PhoneDigits
)

// Standing is where a patient stands who checked in before.
type Standing string

const (
	StandingWaiting   Standing = "waiting"
	StandingCalled    Standing = "called" // Done.Room says where to
	StandingSeen      Standing = "in-consultation"
	StandingCompleted Standing = "completed"
	StandingMissed    Standing = "no-show"
	StandingLeft      Standing = "cancelled"
)

// Move is "I am leaving" or "I am back".
type Move struct {
	Session  string
	Entry    uuid.UUID
	Language string
	Leave    bool // false: back
	Request  uuid.UUID
}

// Visit is what the page shows of an appointment.
type Visit struct {
	Name       phi.Text  // masked, such as "M… G…"
	Department string    // as displayed, in the patient's language
	Provider   string    // as displayed; may be empty
	At         time.Time // in the clinic's zone; zero for a visit without an appointment
	Video      bool
}

// Form is a consent form in one language. Text is shown exactly as it is.
type Form struct {
	ID, Type, Version, Language string
	Title, Text                 string
	SHA256                      string // of the text, as the clinic's record has it

	// Signature is how a grant is signed; empty: a tap is enough.
	Signature consent.Method
}

// Finish is the last button.
type Finish struct {
	Session   string
	Entry     uuid.UUID
	NotRight  bool // the patient says that something of the visit is not right: staff look into it
	Decisions []Decision
	Devices   Devices // of a visit by video
	Signer    Signer  // who decided; empty: not asked, the patient
	Language  string  // tag of the language that the patient chose

	// Interpreter says that an interpreter was there. Unsigned says that nobody who
	// may sign was: there are no decisions, and the desk helps.
	Interpreter, Unsigned bool

	Request uuid.UUID
}

// Devices is what a patient found who tried camera and microphone.
type Devices string

const (
	DevicesUntried Devices = ""
	DevicesReady   Devices = "ready"
	DevicesFail    Devices = "fail"
)

// Decision is the patient's answer to one form, by a tap under its text, and what was
// typed or drawn with it.
type Decision struct {
	FormID, Type, Version, Language, SHA256 string
	Granted                                 bool
	Signature                               consent.Signature
}

// Done is the patient's place in the queue.
type Done struct {
	Ticket            string // "A-017"; empty when a person must speak with the patient first
	Where             string // where to wait, in the patient's language; may be empty
	Room              string // where to go now, once called
	WaitLow, WaitHigh int    // minutes
	WaitKnown         bool
	StaffFlag         bool // staff will speak with the patient about an answer
	Provisional       bool // the desk looks for the appointment first
}

// HelpKind is why somebody pressed the help button.
type HelpKind string

const (
	HelpIll  HelpKind = "ill"
	HelpNeed HelpKind = "need-help"
)

// HelpState is how far a call for help has come.
type HelpState string

const (
	HelpNone   HelpState = ""
	HelpCalled HelpState = "called" // staff have been called; nobody has answered
	HelpComing HelpState = "coming" // a person has acknowledged
	HelpDesk   HelpState = "desk"   // the call could not be made: go to the desk
)

// Board is the waiting room's view of the queue.
type Board interface {
	// Board returns what may be shown now of some departments, by their ids, or of
	// all. It must not block.
	Board(departments ...string) BoardView
	// Watch returns a channel that receives after changes, coalesced, until
	// cancel is called.
	Watch() (changed <-chan struct{}, cancel func())
}

// BoardView is what the board may show. It has no field that is about a person;
// the page further shows a room or a provider only when the config names it.
type BoardView struct {
	Called    []Called // newest first
	Next      []Ticket // in queue order
	Waits     []Wait
	Providers []Provider
	UpdatedAt time.Time
}

// Called is one patient asked to come in.
type Called struct {
	Ticket Ticket
	Room   string
	Times  int // how often; a display draws attention to each call
}

// Wait is a department's expected wait in minutes.
type Wait struct {
	Department string // as displayed
	Low, High  int
}

// Provider is one provider's availability as patients may see it.
type Provider struct {
	Name   string // as the config displays it
	Room   string
	Status ProviderStatus
}

// ProviderStatus is the word that a patient sees; the page translates it.
type ProviderStatus string

const (
	ProviderAvailable ProviderStatus = "available"
	ProviderBusy      ProviderStatus = "busy"
	ProviderAway      ProviderStatus = "away"
	ProviderOffline   ProviderStatus = "offline"
)
