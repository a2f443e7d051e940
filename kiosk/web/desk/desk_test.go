package desk_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"clinicgate/kiosk"
	"clinicgate/kiosk/web/desk"
)

// From the code to the name on the screen, and off it again.
func TestPairLogInSeeActLogOff(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	c := k.pair()
	if c.Name != "__Host-clinicgate-desk" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || len(c.Value) < 43 {
		t.Errorf("cookie %+v", c)
	}
	if got := k.see(c); got.Session != "" || strings.Contains(got.raw, patient) || got.Clinic != nil {
		t.Errorf("before the login the page shows %s", got.raw)
	}
	if k.Shows() {
		t.Error("names are in memory while nobody is logged in")
	}
	k.pin("ana", anaPIN)
	if w := k.login(" ANA ", anaPIN, c); w.Code != http.StatusOK || strings.Contains(w.Body.String(), patient) {
		t.Fatalf("login: %d %s", w.Code, w.Body)
	}
	got := k.see(c)
	if got.Person != "Ana" || got.Clinic == nil || len(got.Clinic.Entries) != 1 || got.Clinic.Entries[0].Name != patient || !got.Clinic.Entries[0].MayUndo {
		t.Errorf("after the login the page shows %s", got.raw)
	}
	request, _ := uuid.NewV7()
	body := fmt.Sprintf(`{"request":%q,"session":%q,"event":"call","entry":%q,"room":"101"}`, request, got.Session, entryID)
	for range 2 { // a lost answer is asked for again
		if w := k.post("/act", body, c); w.Code != http.StatusOK {
			t.Fatalf("call: %d %s", w.Code, w.Body)
		}
	}
	if n := k.room.done(); n != 2 || k.room.did[0].ID != k.room.did[1].ID {
		t.Errorf("the repeated request is another act: %+v", k.room.did)
	}
	if a := k.room.did[0]; a.Actor != (kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ana"}) || a.Session != got.Session {
		t.Errorf("the act is by %v in session %q", a.Actor, a.Session)
	}
	if a := k.room.acts[0]; a != (desk.Act{Event: desk.Call, Entry: entryID.String(), Room: "101"}) {
		t.Errorf("the act is %+v", a)
	}
	open := k.listen(c)
	defer open.stop()
	open.next(t)
	if w := k.act(c, got.Session, "logoff", ""); w.Code != http.StatusOK {
		t.Fatalf("logoff: %d", w.Code)
	}
	if after := open.next(t); after.Session != "" || strings.Contains(after.raw, patient) {
		t.Errorf("after the logoff an open page shows %s", after.raw)
	}
	if k.Shows() {
		t.Error("names are in memory after the last logoff")
	}
	if w := k.act(c, got.Session, "call", fmt.Sprintf(`,"entry":%q`, entryID)); w.Code != http.StatusConflict || !strings.Contains(w.Body.String(), `"session"`) {
		t.Errorf("an act of the ended session: %d %s", w.Code, w.Body)
	}
	for _, want := range []string{"DESK_BROWSER_PAIRED staff:root pair success", "STAFF_PIN_SET staff:root set PIN success",
		"STAFF_LOGGED_IN staff:ana login success", "STAFF_LOGGED_OFF staff:ana logoff success"} {
		if k.audited(want) != 1 {
			t.Errorf("audit has not one %q: %q", want, k.audits())
		}
	}
	for _, secret := range []string{patient, anaPIN, c.Value} {
		if strings.Contains(k.log.String(), secret) || k.onDisk(secret) {
			t.Errorf("%q is in the log or in the store's files", secret)
		}
	}
}

// What the rules refuse is said by its reason; what fails says nothing of why.
func TestRefusalsAndFailures(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	c, session := k.in("ana", anaPIN)
	for _, tt := range []struct {
		err  error
		code int
		want string
	}{
		{&desk.Refusal{Reason: "not-called"}, http.StatusConflict, `{"refused":"not-called"}`},
		{fmt.Errorf("wrapped: %w", &desk.Refusal{Reason: "room"}), http.StatusConflict, `{"refused":"room"}`},
		{&desk.Refusal{Reason: "<script>"}, http.StatusConflict, `{"refused":"failed"}`},
		{fmt.Errorf("disk of %s", patient), http.StatusServiceUnavailable, `{"refused":"failed"}`},
	} {
		k.room.refuse = tt.err
		if w := k.act(c, session, "undo", fmt.Sprintf(`,"entry":%q`, entryID)); w.Code != tt.code || w.Body.String() != tt.want {
			t.Errorf("%v: %d %s, want %d %s", tt.err, w.Code, w.Body, tt.code, tt.want)
		}
	}
}

// Role by act: every cell.
func TestRoles(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	fields := map[desk.Event]string{
		desk.Call: `,"entry":"` + entryID.String() + `"`, desk.SetStatus: `,"entry":"` + entryID.String() + `","status":"in-consultation"`,
		desk.SetPriority: `,"entry":"` + entryID.String() + `","priority":"urgent"`, desk.Transfer: `,"entry":"` + entryID.String() + `","department":"cardiology"`,
		desk.Remove: `,"entry":"` + entryID.String() + `","removal":"rescheduled"`,
		desk.Undo:   `,"entry":"` + entryID.String() + `"`, desk.SetProvider: `,"provider":"dr-a","availability":"away"`,
		desk.Acknowledge: `,"help":"` + helpID + `"`, desk.Resolve: `,"help":"` + helpID + `"`, desk.Print: "", desk.Stay: "",
	}
	help := []desk.Event{desk.Acknowledge, desk.Resolve, desk.Stay}
	may := map[kiosk.StaffID][]desk.Event{"ben": help, "cleo": {desk.Stay}}
	for event := range fields {
		may["ana"] = append(may["ana"], event)
	}
	for id, pin := range map[kiosk.StaffID]string{"ana": anaPIN, "ben": benPIN, "cleo": "860241"} {
		c, session := k.in(id, pin)
		shown := k.see(c)
		if shown.Clinic == nil || len(shown.Clinic.Entries) != 1 {
			t.Errorf("%s does not see the queue", id)
		}
		for event, rest := range fields {
			before := k.room.done()
			w := k.act(c, session, string(event), rest)
			allowed := contains(may[id], event)
			if (w.Code == http.StatusOK) != allowed || !allowed && (w.Code != http.StatusForbidden || k.room.done() != before) {
				t.Errorf("%s %s: %d %s, want allowed %v", id, event, w.Code, w.Body, allowed)
			}
			if contains(shown.May, string(event)) != allowed {
				t.Errorf("%s is shown %v, not in line with %s", id, shown.May, event)
			}
		}
	}
	if n := k.audited("DESK_DAY_LIST_PRINTED staff:ana print success"); n != 1 {
		t.Errorf("%d audit events of the printed list", n)
	}
}

// Who gives no sign for five minutes is logged off and the page wiped, also when
// the page is open; who gives one stays.
func TestIdleLogoff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { k.Watching(ctx); close(done) }()
		defer func() { cancel(); <-done }()
		c, session := k.in("ana", anaPIN)
		for range 3 {
			time.Sleep(4 * time.Minute)
			if w := k.act(c, session, "stay", ""); w.Code != http.StatusOK {
				t.Fatalf("stay: %d %s", w.Code, w.Body)
			}
		}
		open := k.listen(c)
		defer open.stop()
		if got := open.next(t); got.Session != session {
			t.Fatalf("an open page shows %s", got.raw)
		}
		time.Sleep(5*time.Minute + 2*time.Second)
		synctest.Wait()
		var last seen
		for len(open.pictures) > 0 {
			last = <-open.pictures
		}
		if last.Session != "" || strings.Contains(last.raw, patient) || k.Shows() {
			t.Errorf("after five minutes the page shows %s", last.raw)
		}
		if w := k.act(c, session, "stay", ""); w.Code != http.StatusConflict {
			t.Errorf("a sign after the logoff: %d", w.Code)
		}
		if k.audited("STAFF_LOGGED_OFF staff:ana idle success") != 1 {
			t.Errorf("audit: %q", k.audits())
		}
	})
}

// An act that comes after the time is over but before the clock's next tick
// does not bring the session back.
func TestLateActDoesNotExtend(t *testing.T) {
	t.Parallel()
	now := time.Now()
	k := newKit(t, func(k *kit) { k.count = func() time.Time { return now } })
	c, session := k.in("ana", anaPIN)
	now = now.Add(5 * time.Minute)
	if w := k.act(c, session, "call", fmt.Sprintf(`,"entry":%q`, entryID)); w.Code != http.StatusConflict || k.room.done() != 0 {
		t.Errorf("a late act: %d %s", w.Code, w.Body)
	}
}

// A clock that is set back an hour does not keep a session open for an hour.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	wall, counted := time.Now(), time.Now()
	k := newKit(t, func(k *kit) {
		k.now, k.count = func() time.Time { return wall }, func() time.Time { return counted }
	})
	c, session := k.in("ana", anaPIN)
	wall, counted = wall.Add(-time.Hour), counted.Add(5*time.Minute)
	if w := k.act(c, session, "stay", ""); w.Code != http.StatusConflict {
		t.Errorf("a sign five minutes after the last: %d", w.Code)
	}
}

// A revoked browser is out at once: page, session and cookie, also after a
// restart; the other browser is not touched.
func TestRevoke(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	other, _ := k.in("ben", benPIN)
	c, session := k.in("ana", anaPIN)
	id := ""
	for _, b := range k.Browsers() {
		if b.Staff == "ana" {
			id = b.ID
		}
	}
	open := k.listen(c)
	defer open.stop()
	open.next(t)
	// It is out although it cannot be recorded, and may be revoked until it is.
	never, cancel := context.WithCancel(context.Background())
	cancel()
	for range 2 {
		if err := k.Revoke(never, admin, id); !errors.Is(err, desk.ErrNotRevoked) {
			t.Fatalf("revoked without a record: %v", err)
		}
	}
	if err := k.Revoke(context.Background(), admin, id); err != nil {
		t.Fatal(err)
	}
	select {
	case <-open.locked:
	case <-time.After(5 * time.Second):
		t.Error("the open page of a revoked browser is not locked")
	}
	check := func() {
		t.Helper()
		for path, body := range map[string]string{"/login": `{"staff":"ana","pin":"` + anaPIN + `"}`,
			"/act": fmt.Sprintf(`{"request":"019ab3c4-0000-7000-8000-000000000000","session":%q,"event":"stay"}`, session)} {
			if w := k.post(path, body, c); w.Code != http.StatusUnauthorized {
				t.Errorf("%s with the cookie of a revoked browser: %d", path, w.Code)
			}
		}
		if w := k.ask("GET", "/", k.host(), nil, "", c); w.Code != http.StatusUnauthorized || strings.Contains(w.Body.String(), "desk.js") {
			t.Errorf("the page for a revoked browser: %d", w.Code)
		}
		if w := k.ask("GET", "/alive", k.host(), nil, "", other); w.Code != http.StatusNoContent {
			t.Errorf("the other browser: %d", w.Code)
		}
	}
	check()
	k.reopen()
	check()
	if got := k.see(other); got.Session != "" {
		t.Errorf("a login lived through a restart: %s", got.raw)
	}
	if err := k.Revoke(context.Background(), admin, id); err != desk.ErrNoBrowser {
		t.Errorf("revoked twice: %v", err)
	}
	if k.audited("DESK_BROWSER_REVOKED staff:root revoke success") != 1 || k.audited("STAFF_LOGGED_OFF staff:ana revoked success") != 1 {
		t.Errorf("audit: %q", k.audits())
	}
}

// A second person at a browser takes over: an act of the first one's page does
// not count under the second one's name.
func TestAnotherLoginEndsTheFirst(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	c, first := k.in("ben", benPIN)
	k.pin("ana", anaPIN)
	if w := k.login("ana", anaPIN, c); w.Code != http.StatusOK {
		t.Fatalf("second login: %d", w.Code)
	}
	if w := k.act(c, first, "call", fmt.Sprintf(`,"entry":%q`, entryID)); w.Code != http.StatusConflict || k.room.done() != 0 {
		t.Errorf("an act of the first person's page: %d", w.Code)
	}
	if k.audited("STAFF_LOGGED_OFF staff:ben another login success") != 1 {
		t.Errorf("audit: %q", k.audits())
	}
}

// A new PIN ends the sessions of the old one.
func TestNewPIN(t *testing.T) {
	t.Parallel()
	k := newKit(t, nil)
	c, session := k.in("ana", anaPIN)
	k.pin("ana", "428619")
	if w := k.act(c, session, "stay", ""); w.Code != http.StatusConflict {
		t.Errorf("the session of the old PIN: %d", w.Code)
	}
	if w := k.login("ana", anaPIN, c); w.Code != http.StatusForbidden {
		t.Errorf("the old PIN: %d", w.Code)
	}
	if w := k.login("ana", "428619", c); w.Code != http.StatusOK {
		t.Errorf("the new PIN: %d", w.Code)
	}
	if err := k.SetPIN(context.Background(), admin, "nobody", anaPIN); err != desk.ErrNoStaff {
		t.Errorf("PIN of a stranger: %v", err)
	}
}

func TestCheckPIN(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "12345", "1234567890123", "12a456", "１２３４５６", "-12345", "73 184"} {
		if err := desk.CheckPIN(bad); err != desk.ErrPINForm {
			t.Errorf("CheckPIN(%q) = %v, want ErrPINForm", bad, err)
		}
	}
	for _, easy := range []string{"000000", "123456", "654321", "890123", "210987", "121212", "123123", "112233", "111222", "123321", "343434",
		"040584", "120599", "990512", "24121987", "19871224", "12345678", "111112", "73847384"} {
		if err := desk.CheckPIN(easy); err != desk.ErrPINEasy {
			t.Errorf("CheckPIN(%q) = %v, want ErrPINEasy", easy, err)
		}
	}
	for _, good := range []string{anaPIN, benPIN, "860241", "428619", "7301842", "938471650274"} {
		if err := desk.CheckPIN(good); err != nil {
			t.Errorf("CheckPIN(%q) = %v", good, err)
		}
	}
}

// A new PIN ends the wait of who guessed wrong, however the config writes the id.
func TestANewPINEndsTheWait(t *testing.T) {
	t.Parallel()
	k := newKit(t, func(k *kit) { k.cfg.Staff[0].ID = "Ana" })
	c, _ := k.in("Ana", anaPIN)
	locked := false
	for range 20 {
		if k.login("ana", benPIN, c).Code == http.StatusTooManyRequests {
			locked = true
			break
		}
	}
	if !locked {
		t.Fatal("nobody has to wait")
	}
	k.pin("Ana", anaPIN)
	if w := k.login("ana", anaPIN, c); w.Code != http.StatusOK {
		t.Errorf("with the new PIN: %d %s", w.Code, w.Body)
	}
}
