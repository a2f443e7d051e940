package web_test

import (
	"errors"
	"testing"
	"time"

	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
)

const card = "04A1B2C3D4E5F6"

// reader is a page with a card reader.
func reader(t *testing.T, desk *clinic) (c *client, tap func(number string)) {
	t.Helper()
	s := start(t, web.Config{}, web.Deps{CheckIn: desk})
	if err := s.Tap(t.Context(), phi.New(card)); !errors.Is(err, web.ErrNoPage) {
		t.Fatalf("tap without a page: %v, want ErrNoPage", err)
	}
	c = launched(t, s)
	stream := openEvents(t, s.Addr(), "/events", c.cookie)
	stream.until(t, "view", nil)
	return c, func(number string) {
		t.Helper()
		if err := s.Tap(t.Context(), phi.New(number)); err != nil {
			t.Fatal(err)
		}
	}
}

// until waits until the page shows a state.
func (c *client) until(want web.State) picture {
	c.t.Helper()
	for end := time.Now().Add(20 * time.Second); c.look().State != want && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
	}
	return c.want(want)
}

func bornOn(c *client, birth string) { c.act("born", map[string]any{"birth": birth}) }

func holder() web.Identified {
	return web.Identified{Outcome: web.Found, Entry: entryOne, Visit: web.Visit{Name: phi.New("M… G…"), Department: "Cardiology"}}
}

func TestCheckInByCard(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	desk.outcome[card] = holder()
	c, tap := reader(t, desk)
	tap(card)
	if p := c.until(web.Language); !p.CodeRead {
		t.Errorf("after the tap: %+v", p)
	}
	c.act("choose", map[string]any{"language": "es"})
	if p := c.want(web.Needing); p.StepsLeft != 4 {
		t.Errorf("steps left: %d, want 4: the date of birth is to be given", p.StepsLeft)
	}
	c.act("ready", nil)
	c.want(web.Born)
	tap(card) // a reader that flickers
	c.until(web.Born)
	bornOn(c, "1957-02-30")
	if p := c.want(web.Born); p.Notice == "" {
		t.Error("an impossible date is taken")
	}
	if len(desk.identify) != 0 {
		t.Fatalf("a card alone was looked up: %d", len(desk.identify))
	}
	bornOn(c, "1957-02-28")
	c.want(web.Confirming)
	if in := desk.identify[0]; in.Method != web.Carded || in.Value.Reveal() != card || in.Person.Birth.Reveal() != "1957-02-28" || in.Language != "es" || len(desk.identify) != 1 {
		t.Errorf("identified by %s, %d times", in.Method, len(desk.identify))
	}
	tap(card) // it lies there still
	c.until(web.Confirming)
}

func TestCardIsAskedForTheDateWhereverItIsTapped(t *testing.T) {
	t.Parallel()
	for name, way := range map[string]func(c *client){
		"code":  func(*client) {},
		"birth": func(c *client) { c.act("no-code", nil) },
		"name":  func(c *client) { c.act("no-code", nil); bornOn(c, "1960-01-01") },
		"refused": func(c *client) {
			c.act("code", map[string]any{"code": "WRONG123"})
			c.want(web.Turned)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			desk := newClinic()
			desk.outcome[card] = holder()
			c, tap := reader(t, desk)
			c.act("start", nil)
			c.choose("en")
			way(c)
			before := len(desk.identify)
			tap(card)
			c.until(web.Born)
			bornOn(c, "1957-02-28")
			c.want(web.Confirming)
			if len(desk.identify) != before+1 {
				t.Errorf("%d look-ups", len(desk.identify)-before)
			}
		})
	}
}

// TestUnknownCard: a card that nobody has and one without a number of its own are
// refused alike, and the patient goes on by name.
func TestUnknownCard(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	refused := web.Identified{Outcome: web.Refused, Sentence: "no-card", Again: true}
	desk.outcome[card], desk.outcome[""] = refused, refused
	c, tap := reader(t, desk)
	tap("") // nobody is here: nothing to say
	c.until(web.Attract)
	c.act("start", nil)
	c.choose("en")
	tap(card)
	c.until(web.Born)
	bornOn(c, "1957-02-28")
	if p := c.want(web.Turned); p.Refusal.Sentence != "no-card" || !p.Refusal.Again || p.Refusal.Number {
		t.Errorf("refusal %+v", *p.Refusal)
	}
	c.act("again", nil)
	c.want(web.Identifying)
	tap("")
	if p := c.until(web.Turned); p.Refusal.Sentence != "no-card" || !p.Refusal.Again {
		t.Errorf("refusal %+v", *p.Refusal)
	}
	if in := desk.identify[1]; in.Method != web.Carded || !in.Value.IsZero() {
		t.Errorf("a card without a number was looked up by %s", in.Method)
	}
	c.act("no-code", nil)
	c.want(web.Born)
	bornOn(c, "1957-02-28")
	c.want(web.Naming) // the card is forgotten
}

// TestSecondCard: a card of somebody else asks whether they are together; then it is
// her turn, by her date of birth.
func TestSecondCard(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	other := holder()
	other.Entry = newRequestID()
	desk.outcome[card], desk.outcome["DEADBEEF"] = holder(), other
	c, tap := reader(t, desk)
	tap(card)
	c.until(web.Language)
	c.choose("en")
	c.want(web.Born)
	bornOn(c, "1957-02-28")
	c.want(web.Confirming)
	tap("DEADBEEF")
	c.until(web.Together)
	c.act("together", nil)
	c.want(web.Confirming)
	c.act("confirm", nil)
	c.want(web.Finished)
	c.act("another", nil)
	c.want(web.Born)
	bornOn(c, "1985-01-01")
	c.want(web.Confirming)
	if in := desk.identify[1]; in.Value.Reveal() != "DEADBEEF" || in.Person.Birth.Reveal() != "1985-01-01" {
		t.Errorf("the second is looked up by %s", in.Method)
	}
}

// TestPageCannotTap: what the page sends is no card.
func TestPageCannotTap(t *testing.T) {
	t.Parallel()
	desk := newClinic()
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.act("start", nil)
	c.choose("en")
	for _, event := range []string{"tap", "carded"} {
		c.refused(event, map[string]any{"code": card})
		c.want(web.Identifying)
	}
}
