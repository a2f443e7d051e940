package web_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"

	"github.com/google/uuid"
)

// clinic is a scripted check-in: codes of a fictional roster, answers that can
// be made to fail (not done, or done and reported failed), and a record of
// every call.
type clinic struct {
	mu       sync.Mutex
	identify []web.Identify
	finish   []web.Finish
	held     map[string]uuid.UUID // by session: identified and not finished
	abandon  []uuid.UUID
	ended    []string
	moves    []web.Move
	helps    []string // session and kind
	state    web.HelpState

	failIdentify, failFinish, failHelp int           // how many of the next calls fail
	lateFail                           bool          // failing calls did their work
	hold                               chan struct{} // if not nil, Identify and Finish wait for it
	done                               map[uuid.UUID]web.Done
	next                               int
	noForms, video                     bool
	outcome                            map[string]web.Identified
	slow                               map[string]chan struct{} // codes that are looked up until the channel is closed
	broken                             map[string]bool          // codes whose look-up fails
}

const (
	goodScan  = "CHK1:AEBAGBAFAYDQQCIKBMGA2DQPCAIREEYUCULBOGAZDINRYHI6D4"
	goodTyped = "K7MQ4RT2"
)

// goodPerson is who is expected and has no code with her.
const goodPerson = "1957-02-28 MARLOW GRETA  "

// claimed is a claim in one line.
func claimed(p web.Person) string {
	return strings.Join([]string{p.Birth.Reveal(), p.Family.Reveal(), p.Given.Reveal(), p.Time.Reveal(), p.Phone.Reveal()}, " ")
}

var (
	errBroken = errors.New("store is fenced")
	entryOne  = uuid.MustParse("01890a5d-ac96-8b2f-8a1c-0123456789ab")
	formText  = "We may see you over video.\n\nYou can stop at any time. “Sí” <b>&amp; no.\n" +
		"A nurse or a doctor sees and hears you. Nobody records the visit unless you say so on another form.\n\n" +
		"Video has limits: the doctor cannot touch or measure you. If that matters, we will ask you to come in.\n\n" +
		"You may bring another person. Tell us who can hear you. You can change your mind later; ask at the desk."
)

// abroad is what the clinic itself writes, in the languages that it has but English.
var abroad = map[string]struct{ department, video, videoText, share, shareText string }{
	"es": {"Cardiología", "Visitas por video", "Podemos atenderle por video.\n\nPuede parar cuando quiera.",
		"Compartir su expediente", "¿Podemos compartir su expediente con sus otros médicos?"},
	"zh-Hans": {"心脏内科", "视频就诊", "我们可以通过视频为您看诊。\n\n您可以随时停止。",
		"共享您的病历", "我们可以把您的病历共享给您的其他医生吗？"},
	"vi": {"Khoa tim mạch", "Khám qua video", "Chúng tôi có thể khám cho quý vị qua video.\n\nQuý vị có thể ngừng bất cứ lúc nào.",
		"Chia sẻ hồ sơ của quý vị", "Chúng tôi có thể chia sẻ hồ sơ của quý vị với các bác sĩ khác của quý vị không?"},
	"ar": {"قسم القلب", "الزيارات بالفيديو", "يمكننا استقبالك عبر الفيديو.\n\nيمكنك التوقف في أي وقت.",
		"مشاركة سجلّك", "هل يمكننا مشاركة سجلّك مع أطبائك الآخرين؟"},
}

func newClinic() *clinic {
	return &clinic{held: map[string]uuid.UUID{}, done: map[uuid.UUID]web.Done{}, outcome: map[string]web.Identified{}}
}

func form(id, title, text string) web.Form {
	sum := sha256.Sum256([]byte(text))
	return web.Form{ID: id, Type: id, Version: "3", Language: "en", Title: title, Text: text, SHA256: hex.EncodeToString(sum[:])}
}

func (c *clinic) fails(n *int) (fail, did bool) {
	if *n == 0 {
		return false, true
	}
	*n--
	return true, c.lateFail
}

func (c *clinic) wait(ctx context.Context) error {
	c.mu.Lock()
	hold := c.hold
	c.mu.Unlock()
	if hold == nil {
		return nil
	}
	select {
	case <-hold:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *clinic) Identify(ctx context.Context, in web.Identify) (web.Identified, error) {
	c.mu.Lock()
	c.identify = append(c.identify, in)
	fail, _ := c.fails(&c.failIdentify)
	out, scripted := c.outcome[in.Value.Reveal()]
	if in.Method == web.Named || in.Method == web.Licensed {
		out, scripted = c.outcome[claimed(in.Person)]
		if in.NoMore && out.Outcome == web.Asked {
			out = web.Identified{Outcome: web.Refused, Sentence: "alike"}
		}
	}
	bare := c.noForms
	slow, broken := c.slow[in.Value.Reveal()], c.broken[in.Value.Reveal()]
	c.mu.Unlock()
	if err := c.wait(ctx); err != nil {
		return web.Identified{}, err
	}
	if slow != nil {
		select {
		case <-slow:
		case <-ctx.Done():
			return web.Identified{}, ctx.Err()
		}
	}
	if fail || broken {
		return web.Identified{}, errBroken
	}
	if in.Useless != "" {
		return web.Identified{Outcome: web.Refused, Sentence: string(in.Useless), Again: true}, nil
	}
	if scripted {
		return out, nil
	}
	if v := in.Value.Reveal(); v != goodScan && v != goodTyped && claimed(in.Person) != goodPerson {
		return web.Identified{Outcome: web.Refused, Sentence: "not-found", Again: true}, nil
	}
	at := time.Date(2026, 11, 22, 10, 30, 0, 0, newYork())
	found := web.Identified{
		Outcome: web.Found, Entry: entryOne,
		Visit: web.Visit{Name: phi.New("M… G…"), Department: "Cardiology", Provider: "Dr. Amara Osei", At: at, Video: c.video},
		Forms: []web.Form{form("telehealth", "Visits by video", formText), form("data-sharing", "Sharing your record", "May we share your record with your other doctors?")},
	}
	if w, ok := abroad[in.Language]; ok {
		found.Visit.Department = w.department
		found.Forms[0] = form("telehealth", w.video, w.videoText)
		found.Forms[1] = form("data-sharing", w.share, w.shareText)
		for i := range found.Forms {
			found.Forms[i].Language = in.Language
		}
	}
	if bare {
		found.Forms = nil
	}
	c.set(func(c *clinic) { c.held[in.Session] = entryOne })
	return found, nil
}

func (c *clinic) Finish(ctx context.Context, in web.Finish) (web.Done, error) {
	if err := c.wait(ctx); err != nil {
		return web.Done{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finish = append(c.finish, in)
	fail, did := c.fails(&c.failFinish)
	out, known := c.done[in.Request]
	if did && !known {
		c.next++
		granted := !slices.ContainsFunc(in.Decisions, func(d web.Decision) bool { return !d.Granted })
		out = web.Done{
			Ticket: web.Ticket{Letter: 'A', Number: uint16(16 + c.next)}.String(), Where: "Waiting room 2, on your left",
			WaitLow: 10, WaitHigh: 25, WaitKnown: true, StaffFlag: !granted,
		}
		c.done[in.Request] = out
		delete(c.held, in.Session)
	}
	if fail {
		return web.Done{}, errBroken
	}
	return out, nil
}

func (c *clinic) EndSession(_ context.Context, session string, _ web.Ending) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = append(c.ended, session)
	if entry, ok := c.held[session]; ok {
		c.abandon = append(c.abandon, entry)
		delete(c.held, session)
	}
	return nil
}

func (c *clinic) Move(_ context.Context, in web.Move) (web.Identified, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moves = append(c.moves, in)
	if in.Leave {
		return web.Identified{Outcome: web.Already, Entry: in.Entry, Standing: web.StandingLeft, MayReturn: true, Done: web.Done{Ticket: "A-003"}}, nil
	}
	return web.Identified{Outcome: web.Found, Entry: in.Entry, Forms: []web.Form{form("telehealth", "Visits by video", formText)}}, nil
}

func (c *clinic) Help(_ context.Context, session string, kind web.HelpKind, _ uuid.UUID) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if fail, _ := c.fails(&c.failHelp); fail {
		return errBroken
	}
	c.helps = append(c.helps, session+" "+string(kind))
	c.state = web.HelpCalled
	return nil
}

func (c *clinic) HelpState() web.HelpState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

func (c *clinic) set(f func(*clinic)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(c)
}

// counts returns how often each act was called.
func (c *clinic) counts() (identified, finished, abandoned, tickets int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.identify), len(c.finish), len(c.abandon), c.next
}

func newYork() *time.Location {
	l, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return l
}

// room is a scripted waiting room.
type room struct {
	mu    sync.Mutex
	view  web.BoardView
	asked []string // of the last look
	watch map[chan struct{}]bool
}

func newRoom() *room {
	return &room{watch: map[chan struct{}]bool{}, view: web.BoardView{
		Called:    []web.Called{{Ticket: web.Ticket{Letter: 'A', Number: 14}, Room: "Room 3"}, {Ticket: web.Ticket{Letter: 'B', Number: 9}, Room: "12B"}},
		Next:      []web.Ticket{{Letter: 'A', Number: 15}, {Letter: 'B', Number: 10}, {Letter: 'A', Number: 16}, {Letter: 'A', Number: 17}, {Letter: 'B', Number: 11}},
		Waits:     []web.Wait{{Department: "Cardiology", Low: 10, High: 25}, {Department: "Imaging", Low: 5, High: 15}},
		Providers: []web.Provider{{Name: "Dr. Amara Osei", Room: "Room 3", Status: web.ProviderBusy}, {Name: "Dr. Lin Wei", Room: "12B", Status: web.ProviderAvailable}, {Name: "Sam Ortiz, NP", Status: web.ProviderAway}},
	}}
}

var signs = []string{"Room 3", "Room 5", "Cardiology", "Imaging", "Dr. Amara Osei", "Dr. Lin Wei", "Sam Ortiz, NP"}

func (r *room) Board(departments ...string) web.BoardView {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = departments
	return r.view
}

func (r *room) Watch() (<-chan struct{}, func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	ch := make(chan struct{}, 1)
	r.watch[ch] = true
	return ch, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watch, ch)
	}
}

func (r *room) change(f func(*web.BoardView)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.view)
	for ch := range r.watch {
		select {
		case ch <- struct{}{}:
		default:
		}
	}
}

// journal keeps what several servers log, also while it is read.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// start runs a server until the test ends.
func start(t testing.TB, cfg web.Config, deps web.Deps) *web.Server {
	t.Helper()
	s := newServer(t, cfg, deps)
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return s
}

func newServer(t testing.TB, cfg web.Config, deps web.Deps) *web.Server {
	t.Helper()
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.Languages == nil {
		cfg.Languages = []string{"en", "es"}
	}
	if cfg.Signs == nil {
		cfg.Signs = signs
	}
	if deps.CheckIn == nil {
		deps.CheckIn = newClinic()
	}
	if deps.Board == nil {
		deps.Board = newRoom()
	}
	if deps.Logger == nil {
		deps.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := web.New(cfg, deps)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
