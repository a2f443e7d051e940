package web

// State is where one patient's check-in stands; the page has one screen for each.
type State string

const (
	Attract      State = "attract"     // nobody is here
	Language     State = "language"    // which language?
	Needing      State = "needs"       // any help today?
	Interpreting State = "interpreter" // of which language?
	Identifying  State = "identify"    // scan or type a code
	Born         State = "birth"       // no code: the date of birth
	Naming       State = "name"        // and the name
	WhichTime    State = "time"        // several have both: when is the appointment?
	WhichPhone   State = "phone"       // and still: the phone's last two digits
	Checking     State = "checking"    // the code, or the person, is being looked up
	Confirming   State = "confirm"     // is this the right visit?
	Signing      State = "signer"      // who signs the forms?
	Consent      State = "consent"     // one form after another
	SignDrawn    State = "sign-drawn"  // agreed, and the form asks for a drawing
	SignTyped    State = "sign-typed"  // agreed, and the signer types her name
	Measure      State = "measure"     // blood pressure, weight and the like, by the kiosk's devices
	Trying       State = "devices"     // a visit by video: camera and microphone are tried
	Finishing    State = "finishing"   // the last button was pressed; nothing is promised yet
	Finished     State = "done"        // durable: number, where, wait
	Known        State = "already"     // checked in before: the same number
	Moving       State = "moving"      // leaving the queue or coming back: being recorded
	Turned       State = "refused"     // a sentence that ends at a person
	Together     State = "together"    // another code was read: are you together? Nothing of anybody is shown
)

// States lists all of them, in the order of a check-in.
func States() []State {
	return []State{Attract, Language, Needing, Interpreting, Identifying, Born, Naming, WhichTime, WhichPhone, Checking, Confirming, Signing, Consent, SignDrawn, SignTyped, Measure, Trying, Finishing, Finished, Known, Moving, Turned, Together}
}

// event is what moves a check-in from one state to another.
type event string

const (
	evStart      event = "start"      // touched
	evScan       event = "scan"       // a code was read
	evNextScan   event = "next-scan"  // a code was read that starts a new patient's check-in
	evChoose     event = "choose"     // a language
	evNeed       event = "need"       // a help that is wanted, or not any more
	evTongues    event = "tongues"    // an interpreter is wanted
	evTongue     event = "tongue"     // of this language
	evReady      event = "ready"      // go on, no code read so far
	evReadyHeld  event = "ready-held" // go on, with a code read before
	evBack       event = "back"
	evCode       event = "code"    // a code was typed
	evNoCode     event = "no-code" // there is no code, or it does not work
	evTap        event = "tap"     // a card was tapped; it goes on with the date of birth
	evCarded     event = "carded"  // which is there: the card can be looked up
	evBorn       event = "born"
	evNamed      event = "named"
	evTime       event = "time"
	evPhone      event = "phone"
	evUnknown    event = "unknown" // the patient does not know
	evAskTime    event = "ask-time"
	evAskPhone   event = "ask-phone"
	evNumber     event = "number" // not found: a number, and the desk looks for the appointment
	evNumbered   event = "numbered"
	evFound      event = "found"
	evAlready    event = "already"
	evRefused    event = "refused"
	evFailed     event = "failed" // the gateway could not do it
	evDecide     event = "decide"
	evDecideLast event = "decide-last"
	evDecideDraw event = "decide-draw" // agreed, and to be drawn
	evDecideType event = "decide-type" // agreed, and to be typed
	evType       event = "type"        // a name instead of a drawing
	evSigned     event = "signed"
	evSignedLast event = "signed-last"
	evSignedTry  event = "signed-try"  // the last form, and devices to try
	evConfirm    event = "confirm"     // whether right or not: nobody is held up
	evConfirmEnd event = "confirm-end" // and there is no form to ask
	evConfirmAsk event = "confirm-ask" // and it must be asked who signs
	evOther      event = "other"       // "I am here for somebody else"
	evSign       event = "sign"        // somebody who may
	evNobody     event = "nobody"      // nobody who may is here
	evDecideTry  event = "decide-try"  // the last form, and devices to try
	evConfirmTry event = "confirm-try" // no form, and devices to try
	evTried      event = "tried"

	evDecideMeasure  event = "decide-measure" // the last form, and something to measure
	evSignedMeasure  event = "signed-measure"
	evConfirmMeasure event = "confirm-measure" // no form, and something to measure
	evMeasured       event = "measured"        // or skipped
	evMeasuredTry    event = "measured-try"    // and devices to try

	evDone   event = "done"   // the commit is durable
	evDepart event = "depart" // "I am leaving"
	evReturn event = "return" // "I am back"
	evAgain  event = "again"

	evSecond        event = "second" // another person's code was read
	evResumeConfirm event = "resume-confirm"
	evResumeSign    event = "resume-sign"
	evResumeConsent event = "resume-consent"
	evResumeDrawn   event = "resume-drawn"
	evResumeTyped   event = "resume-typed"
	evResumeMeasure event = "resume-measure"
	evResumeTry     event = "resume-try"
	evApart         event = "apart"       // not together: the session ends, and the other's begins
	evNextPerson    event = "next-person" // whose code was read, in the same session
	evAnother       event = "another"     // one more of the party, whose code is to be read

	evLeave event = "leave" // "start over" and "finish"
	evIdle  event = "idle"
)

// transitions is the whole state machine. A pair that is not here does not
// happen: the event is refused and the state stays. The busy states are
// left only by the gateway's answer, which always comes (its deadline is an
// answer too), so neither a time-out nor a second touch can come between a
// commit and the page's word about it.
var transitions = map[State]map[event]State{
	Attract:      {evStart: Language, evScan: Language},
	Language:     {evScan: Language, evChoose: Needing, evLeave: Attract, evIdle: Attract},
	Needing:      {evNeed: Needing, evTongues: Interpreting, evScan: Needing, evReady: Identifying, evReadyHeld: Checking, evBack: Language, evTap: Born, evLeave: Attract, evIdle: Attract},
	Interpreting: {evTongue: Needing, evScan: Interpreting, evBack: Needing, evLeave: Attract, evIdle: Attract},
	Identifying:  {evScan: Checking, evCode: Checking, evNoCode: Born, evBack: Needing, evTap: Born, evLeave: Attract, evIdle: Attract},
	Born:         {evBorn: Naming, evScan: Checking, evBack: Identifying, evTap: Born, evCarded: Checking, evLeave: Attract, evIdle: Attract},
	Naming:       {evNamed: Checking, evScan: Checking, evBack: Born, evTap: Born, evLeave: Attract, evIdle: Attract},
	WhichTime:    {evTime: Checking, evUnknown: WhichPhone, evScan: Checking, evBack: Naming, evTap: Born, evLeave: Attract, evIdle: Attract},
	WhichPhone:   {evPhone: Checking, evUnknown: Checking, evScan: Checking, evBack: Naming, evTap: Born, evLeave: Attract, evIdle: Attract},
	Checking:     {evAskTime: WhichTime, evAskPhone: WhichPhone, evFound: Confirming, evNumbered: Finished, evAlready: Known, evRefused: Turned, evFailed: Turned},
	Consent:      {evDecide: Consent, evDecideLast: Finishing, evDecideTry: Trying, evDecideMeasure: Measure, evDecideDraw: SignDrawn, evDecideType: SignTyped, evSecond: Together, evLeave: Attract, evIdle: Attract},
	SignDrawn:    {evType: SignTyped, evSigned: Consent, evSignedLast: Finishing, evSignedTry: Trying, evSignedMeasure: Measure, evBack: Consent, evSecond: Together, evLeave: Attract, evIdle: Attract},
	SignTyped:    {evSigned: Consent, evSignedLast: Finishing, evSignedTry: Trying, evSignedMeasure: Measure, evBack: Consent, evSecond: Together, evLeave: Attract, evIdle: Attract},
	Confirming:   {evConfirm: Consent, evConfirmAsk: Signing, evOther: Signing, evConfirmEnd: Finishing, evConfirmTry: Trying, evConfirmMeasure: Measure, evSecond: Together, evLeave: Attract, evIdle: Attract},
	Signing:      {evSign: Consent, evNobody: Finishing, evBack: Confirming, evSecond: Together, evLeave: Attract, evIdle: Attract},
	Measure:      {evMeasured: Finishing, evMeasuredTry: Trying, evSecond: Together, evLeave: Attract, evIdle: Attract},
	Trying:       {evTried: Finishing, evSecond: Together, evLeave: Attract, evIdle: Attract},
	Finishing:    {evDone: Finished, evFailed: Turned},
	Finished:     {evSecond: Together, evNextPerson: Checking, evAnother: Identifying, evNextScan: Language, evTap: Born, evLeave: Attract, evIdle: Attract},
	Known:        {evDepart: Moving, evReturn: Moving, evSecond: Together, evNextPerson: Checking, evAnother: Identifying, evNextScan: Language, evTap: Born, evLeave: Attract, evIdle: Attract},
	Moving:       {evFound: Confirming, evAlready: Known, evRefused: Turned, evFailed: Turned},
	Turned:       {evAgain: Identifying, evNoCode: Born, evNumber: Checking, evScan: Checking, evSecond: Together, evNextPerson: Checking, evNextScan: Language, evTap: Born, evLeave: Attract, evIdle: Attract},
	Together:     {evNextPerson: Checking, evResumeConfirm: Confirming, evResumeSign: Signing, evResumeConsent: Consent, evResumeDrawn: SignDrawn, evResumeTyped: SignTyped, evResumeMeasure: Measure, evResumeTry: Trying, evApart: Language, evTap: Born, evLeave: Attract, evIdle: Attract},
}

// after gives the state that e leads to, and whether e may happen in s.
func (s State) after(e event) (State, bool) {
	next, ok := transitions[s][e]
	return next, ok
}

// beforeCode reports whether a code that is read now waits until the state's
// question is answered.
func (s State) beforeCode() bool { return s == Language || s == Needing || s == Interpreting }

// busy reports whether the state waits for the gateway's own answer.
func (s State) busy() bool { return s == Checking || s == Finishing || s == Moving }

// asks reports whether the state asks who the patient is: a code answers it.
func (s State) asks() bool {
	return s == Identifying || s == Born || s == Naming || s == WhichTime || s == WhichPhone
}

// stepsLeft is how many things the patient still has to do, this one included;
// 0 where there is nothing to count.
func (s State) stepsLeft() int {
	switch s {
	case Language:
		return 5
	case Needing, Interpreting:
		return 4
	case Identifying, Born, Naming, WhichTime, WhichPhone, Checking:
		return 3
	case Confirming, Signing:
		return 2
	case Consent, SignDrawn, SignTyped, Measure, Trying, Finishing:
		return 1
	}
	return 0
}
