package checkin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/roster"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// Department is one of the clinic's departments, as patients see it. The texts
// are by language.
type Department struct {
	ID    kiosk.DepartmentID
	Name  map[string]string
	Where map[string]string // where to wait
}

// Config is the check-in's section of the composition.
type Config struct {
	Kiosk        kiosk.KioskID
	Organization kiosk.OrganizationID
	Language     string               // used where a text is missing in the patient's
	Departments  []Department         // all of the site
	Served       []kiosk.DepartmentID // by this kiosk; none: all
	Providers    []queue.Provider
	RefKey       []byte // the clinic's reference key
	TicketKey    []byte // the clinic's key of ticket codes; without it tickets have none and are not known

	// EarlyAllowance is how long before the appointment arriving begins to count
	// as waiting. Default 15 minutes.
	EarlyAllowance time.Duration
	// Earliest and Latest bound when a patient may check in alone, before and
	// after the appointment's start; 0: no bound. Beyond them the desk helps.
	Earliest, Latest time.Duration
	// Hours is when patients may check in alone, in Zone; none: always. Nobody is put
	// into a queue that nobody calls from. Zone may be nil where there are none.
	Hours kiosk.Hours
	Zone  *time.Location
	// SessionAttempts is how many codes or names a session may get wrong; default 3.
	SessionAttempts int
	// KioskAttempts is how many of them the kiosk may see wrong within ten minutes;
	// default 20.
	KioskAttempts int
	// Reasons are the codes of why a walk-in came.
	Reasons []string
	// Online reports whether there is a way to newer lists. Nil: there is none.
	Online func() bool

	Now func() storage.Instant
}

// Service does check-ins. Make it with New, fill it with Load, run its chores
// with Run. It is safe for concurrent use.
type Service struct {
	cfg      Config
	queue    *queue.Queue
	consents *consent.Service
	roster   *roster.Roster
	log      *slog.Logger
	journal  kiosk.Journal
	attempts *attempts
	help     *helpDesk

	mu    sync.Mutex
	holds map[string]hold // guarded by mu: by session

	looked map[kiosk.EntryID]storage.HLC // Run's own: by which list an arrival's appointment was looked for
}

// hold says which visit a session has identified.
type hold struct {
	entry    kiosk.EntryID
	language string
	at       time.Time
	done     bool // the last button was pressed
}

// maxHolds bounds the sessions remembered. One kiosk has one at a time.
const maxHolds = 256

var (
	// ErrSession: the session has not identified this visit, or another session
	// has since. Begin again.
	ErrSession = errors.New("this session does not hold the visit")
	// ErrIncomplete: a form that was shown was not decided on.
	ErrIncomplete = errors.New("a consent form is still undecided")
	// ErrForm: see consent.ErrForm.
	ErrForm = consent.ErrForm
	// ErrInput: the page sent something that no page of ours sends.
	ErrInput = errors.New("the request is malformed")
)

// New makes the service; it reads nothing.
func New(cfg Config, q *queue.Queue, consents *consent.Service, list *roster.Roster, log *slog.Logger) (*Service, error) {
	switch {
	case cfg.Kiosk.Validate() != nil || cfg.Organization.Validate() != nil:
		return nil, errors.New("cannot make check-in: bad kiosk or organization id")
	case q == nil || consents == nil || list == nil || cfg.Now == nil:
		return nil, errors.New("cannot make check-in: a part is missing")
	case len(cfg.RefKey) < 16:
		return nil, errors.New("cannot make check-in: the reference key is missing or shorter than 16 bytes")
	case len(cfg.Hours) > 0 && cfg.Zone == nil:
		return nil, errors.New("cannot make check-in: opening hours without a zone")
	case len(cfg.Departments) == 0:
		return nil, errors.New("cannot make check-in: no departments")
	}
	if cfg.EarlyAllowance <= 0 {
		cfg.EarlyAllowance = 15 * time.Minute
	}
	if cfg.SessionAttempts <= 0 {
		cfg.SessionAttempts = 3
	}
	if cfg.KioskAttempts <= 0 {
		cfg.KioskAttempts = 20
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Service{
		cfg: cfg, queue: q, consents: consents, roster: list, log: log, journal: kiosk.Journal{Organization: cfg.Organization},
		attempts: newAttempts(cfg.SessionAttempts, cfg.KioskAttempts), help: newHelpDesk(), holds: map[string]hold{},
		looked: map[kiosk.EntryID]storage.HLC{},
	}, nil
}

// patientAct is an act of whoever stands at the kiosk. A repeated request gives
// the same act.
func patientAct(session string, request uuid.UUID) kiosk.Act {
	return kiosk.Act{ID: request, Actor: kiosk.Actor{Kind: kiosk.ActorPatient, ID: session}, Session: session}
}

// hold gives a visit to a session and takes it from any other.
func (s *Service) hold(session string, id kiosk.EntryID, language string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for other, h := range s.holds {
		if h.entry == id {
			delete(s.holds, other)
		}
	}
	if len(s.holds) >= maxHolds {
		oldest := ""
		for other, h := range s.holds {
			if oldest == "" || h.at.Before(s.holds[oldest].at) {
				oldest = other
			}
		}
		delete(s.holds, oldest)
	}
	s.holds[session] = hold{entry: id, language: language, at: s.cfg.Now().Wall}
}

func (s *Service) held(session string, id kiosk.EntryID) (hold, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.holds[session]
	return h, ok && h.entry == id
}

// finished notes that a session's visit is done. The session still holds it, so
// that a repeated press finds the same answer in the same language.
func (s *Service) finished(session string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h, ok := s.holds[session]; ok {
		h.done = true
		s.holds[session] = h
	}
}

// release ends a session's hold and tells what it was.
func (s *Service) release(session string) (hold, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.holds[session]
	delete(s.holds, session)
	return h, ok
}

// atOthers is how long a check-in at another kiosk is taken to go on.
const atOthers = 3 * time.Minute

// Unfinished lists today's visits that were identified and not finished and that
// no session holds, oldest first: someone walked away, or the kiosk stopped. Whose
// session another kiosk may still hold is listed after a while.
func (s *Service) Unfinished() []kiosk.Entry {
	held := map[kiosk.EntryID]bool{}
	s.mu.Lock()
	for _, h := range s.holds {
		held[h.entry] = !h.done
	}
	s.mu.Unlock()
	now := s.cfg.Now().Wall
	var list []kiosk.Entry
	for _, st := range s.queue.States(s.queue.Today()) {
		if st.Home != string(s.cfg.Kiosk) && now.Sub(st.Entry.CheckInTime) < atOthers {
			continue
		}
		if st.Entry.Status == kiosk.CheckedIn && !held[st.Entry.ID] {
			list = append(list, st.Entry)
		}
	}
	slices.SortFunc(list, func(a, b kiosk.Entry) int { return a.CheckInTime.Compare(b.CheckInTime) })
	return list
}

// EndSession forgets a page session: its hold and its wrong attempts. Where it had
// either, it is recorded that it ended, and why, which is a fixed word.
func (s *Service) EndSession(ctx context.Context, session, why string) error {
	tried := s.attempts.forget(session)
	h, held := s.release(session)
	if !held && !tried {
		return nil
	}
	e, known := s.queue.Entry(h.entry)
	unfinished := held && !h.done && known && e.Status == kiosk.CheckedIn
	act := kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorPatient, ID: session})
	act.Session = session
	err := s.queue.Update(ctx, func(tx *storage.Tx) error {
		if unfinished {
			err := s.journal.Audit(tx, act, kiosk.CheckInAbandoned, kiosk.AuditFacts{Action: "abandon", Resource: h.entry.String()})
			if err != nil {
				return err
			}
		}
		return s.journal.Audit(tx, act, kiosk.SessionEnded, kiosk.AuditFacts{Action: why, Resource: session})
	})
	if err != nil {
		return fmt.Errorf("cannot record the end of a session: %w", err)
	}
	return nil
}

// Apply takes in a believed message of any kind that the clinic's rules know, in
// the transaction that stores it. It must be called inside the queue's Update.
func (s *Service) Apply(tx *storage.Tx, m kiosk.Received) (kiosk.Result, error) {
	switch msg := m.Message.(type) {
	case *kiosk.ConsentRecorded:
		result, patient, c, err := s.consents.Apply(tx, m)
		if err != nil || result != kiosk.Applied {
			return result, err
		}
		return result, s.queue.Consented(tx, patient, c)
	case *kiosk.PatientAdded:
		if err := s.consented(tx, msg.Entry.PatientID); err != nil {
			return kiosk.Ignored, err
		}
	case *kiosk.Matched:
		if err := s.consented(tx, msg.PatientID); err != nil {
			return kiosk.Ignored, err
		}
	case *kiosk.Roster, *kiosk.RosterPerson:
		return s.roster.Apply(tx, m)
	case *kiosk.EmergencyEscalation:
		return s.applyHelp(tx, m, msg)
	case *kiosk.ClockCorrected:
		return kiosk.Applied, s.queue.Corrected(tx, queue.Clock{Kiosk: m.Origin.Kiosk, Boot: msg.Boot}, msg.Offset, m.Origin.HLC)
	case *kiosk.Heartbeat:
		s.queue.Heard(m.Origin)
		return kiosk.Applied, nil
	}
	return s.queue.Apply(tx, m)
}

// consented tells the queue what a patient's consents amount to: the entry shows
// it, wherever it was made.
func (s *Service) consented(tx *storage.Tx, patient kiosk.PatientRef) error {
	if patient.Validate() != nil {
		return nil
	}
	c, err := s.consents.Consents(tx, patient)
	if err == nil {
		err = s.queue.Consented(tx, patient, c)
	}
	return err
}

// Run does the chores: help that is not durable yet is tried again, provisional
// arrivals are matched when a list has come, and names of days that are over are
// forgotten. It returns nil when ctx ends.
func (s *Service) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var day kiosk.Day
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-s.help.wake:
		case <-s.roster.News():
		}
		wait := time.Minute
		if err := s.settleHelp(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("help is not durable yet", "reason", err)
			wait = time.Second
		}
		next, err := s.widenHelp(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.Error("help was not widened", "reason", err)
			wait = time.Second
		} else if next > 0 {
			wait = min(wait, next)
		}
		if err := s.Reconcile(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("provisional arrivals are not matched yet", "reason", err)
		}
		// A clock that nobody has set must not cost a list: what is forgotten does not
		// come again.
		if today := s.queue.Today(); today != day && s.cfg.Now().Synced {
			if err := s.roster.Forget(ctx, today.Add(-1)); err != nil && ctx.Err() == nil {
				s.log.Warn("old rosters are still held", "reason", err)
			} else {
				day = today
			}
		}
		timer.Reset(wait)
	}
}

// Load reads what must survive a restart. Call it once before use.
func (s *Service) Load(ctx context.Context) error { return s.loadHelp(ctx) }

func (s *Service) serves(d kiosk.DepartmentID) bool {
	return len(s.cfg.Served) == 0 || slices.Contains(s.cfg.Served, d)
}

// department gives a department's name and waiting place in a language.
func (s *Service) department(id kiosk.DepartmentID, language string) (name, where string) {
	for _, d := range s.cfg.Departments {
		if d.ID == id {
			return s.say(d.Name, language), s.say(d.Where, language)
		}
	}
	return string(id), ""
}

// say picks a text in a language, else in the language without its region, else
// in the kiosk's own.
func (s *Service) say(texts map[string]string, language string) string {
	for tag := language; tag != ""; {
		if t := texts[tag]; t != "" {
			return t
		}
		cut := strings.LastIndexByte(tag, '-')
		if cut < 0 {
			break
		}
		tag = tag[:cut]
	}
	return texts[s.cfg.Language]
}

func (s *Service) provider(id kiosk.ProviderID) string {
	for _, p := range s.cfg.Providers {
		if p.ID == id {
			return p.Name
		}
	}
	return ""
}

// mask gives the first letters of a name, as in "M… G…": enough to see that it
// is oneself.
func mask(given, family phi.Text) phi.Text {
	var parts []string
	for _, t := range []phi.Text{given, family} {
		for _, letter := range t.Reveal() {
			parts = append(parts, string(letter)+"…")
			break
		}
	}
	return phi.New(strings.Join(parts, " "))
}
