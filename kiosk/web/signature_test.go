package web_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"

	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/web"
)

// The codes of visits whose forms ask for more than a tap.
const (
	codeDraw = "DRAW1111" // a drawing, then a tap
	codeName = "NAME1111" // a name, twice
)

// signing makes visits whose forms are signed in these ways.
func signing(methods ...consent.Method) web.Identified {
	found := signed(false, web.SignerSelf)
	found.Forms = nil
	for i, m := range methods {
		f := form(fmt.Sprintf("form-%d", i), fmt.Sprintf("Form %d", i+1), "May we share?")
		f.Signature = m
		found.Forms = append(found.Forms, f)
	}
	return found
}

func signDesk() *clinic {
	desk := newClinic()
	desk.outcome[codeDraw] = signing(consent.Drawn, consent.Tapped)
	desk.outcome[codeName] = signing(consent.Typed, consent.Typed)
	return desk
}

func (c *client) toForm(code string) {
	c.t.Helper()
	if c.look().State != web.Attract {
		c.act("leave", nil)
	}
	c.act("start", nil)
	c.choose("en")
	c.act("code", map[string]any{"code": code})
	c.confirmed()
}

var wave = [][]int{{10, 200, 60, 120, 110, 260}, {400, 10}}

func TestSigned(t *testing.T) {
	t.Parallel()
	desk := signDesk()
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	last := func() []web.Decision { return desk.finish[len(desk.finish)-1].Decisions }

	c.toForm(codeDraw)
	c.answer(true)
	if p := c.want(web.SignDrawn); p.Form == nil || p.Form.Title != "Form 1" || p.Form.Text != "" || p.StepsLeft != 1 {
		t.Errorf("to draw: %+v", p.Form)
	}
	// Looked at again, and agreed to again.
	c.act("back", nil)
	if p := c.want(web.Consent); p.Form.Number != 1 {
		t.Errorf("back at form %d", p.Form.Number)
	}
	c.answer(true)
	c.act("signed", map[string]any{"drawing": wave})
	if p := c.want(web.Consent); p.Form.Number != 2 {
		t.Errorf("form %d, want 2", p.Form.Number)
	}
	c.answer(true)
	c.want(web.Finished)
	if d := last(); len(d) != 2 || d[0].Signature.Method() != consent.Drawn || d[1].Signature.Method() != consent.Tapped {
		t.Errorf("drawn: %v", d)
	}
	if svg := last()[0].Signature.SVG().Reveal(); !strings.Contains(svg, "M10 200") || !strings.Contains(svg, "M400 10") {
		t.Errorf("drawn: %s", svg)
	}

	// A name will do for a drawing.
	c.toForm(codeDraw)
	c.answer(true)
	c.act("type", nil)
	c.want(web.SignTyped)
	c.refused("signed", map[string]any{"drawing": wave})
	c.act("signed", map[string]any{"name": "Ada Fictional"})
	c.answer(false)
	if d := last(); d[0].Signature.Method() != consent.Typed || !strings.Contains(d[0].Signature.SVG().Reveal(), ">Ada Fictional<") {
		t.Errorf("typed: %v", d)
	}

	// A form that asks for a name does not take a drawing; each form is signed.
	c.toForm(codeName)
	c.answer(true)
	c.want(web.SignTyped)
	c.refused("type", nil)
	c.refused("signed", map[string]any{"drawing": wave})
	c.act("signed", map[string]any{"name": "Ada Fictional"})
	if c.want(web.Consent).Form.Number != 2 {
		t.Errorf("form %d, want 2", c.now.Form.Number)
	}
	c.answer(true)
	if w := c.post(newRequestID(), c.now.Session, "signed", map[string]any{"name": "Bea Fictional"}); strings.Contains(w.Body.String(), "Fictional") {
		t.Errorf("echoed: %s", w.Body)
	}
	if d := last(); len(d) != 2 || d[0].Signature == d[1].Signature {
		t.Errorf("typed twice: %v", d)
	}
}

// Declining never needs a signature.
func TestARefusalIsNotSigned(t *testing.T) {
	t.Parallel()
	desk := signDesk()
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	for _, code := range []string{codeDraw, codeName} {
		c.toForm(code)
		c.answer(true)
		c.act("back", nil)
		c.answer(false)
		c.want(web.Consent)
		c.answer(false)
		c.want(web.Finished)
		for _, d := range desk.finish[len(desk.finish)-1].Decisions {
			if d.Granted || d.Signature.Method() != consent.Tapped {
				t.Errorf("%s: %v", code, d)
			}
		}
	}
}

// Somebody else's code comes before the signature is given: after the question, or
// its answer, the signer goes on where she was, and has to draw again.
func TestSecondCodeWhileSigning(t *testing.T) {
	t.Parallel()
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: signDesk()}))
	c.toForm(codeDraw)
	c.answer(true)
	for _, at := range []web.State{web.SignDrawn, web.SignTyped} {
		c.want(at)
		c.act("scan", map[string]any{"code": "OTHER" + string(at)})
		if p := c.want(web.Together); p.Form != nil || p.Visit != nil {
			t.Errorf("asked with %+v", p)
		}
		c.act("together", nil)
		c.want(at)
		if at == web.SignDrawn {
			c.act("type", nil)
		}
	}
	c.act("signed", map[string]any{"name": "Ada Fictional"})
	c.want(web.Consent)
}

// What is no drawing is refused, on the screen that it came from, and nothing of it is
// kept.
func TestHostileDrawings(t *testing.T) {
	t.Parallel()
	desk := signDesk()
	c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk}))
	c.toForm(codeDraw)
	c.answer(true)
	long := make([]int, 2*1501)
	many := make([][]int, 61)
	for i := range many {
		many[i] = []int{1, 1, 2, 2}
	}
	for name, drawing := range map[string]any{
		"none": nil, "empty": [][]int{}, "an empty stroke": [][]int{{1, 1, 2, 2}, {}}, "half a point": [][]int{{1, 1, 2}}, "a touch": [][]int{{1, 1}},
		"outside": [][]int{{0, 0, 1001, 0}}, "below": [][]int{{0, 0, 0, 401}}, "too long": [][]int{long}, "too many": many,
	} {
		w := c.post(newRequestID(), c.now.Session, "signed", map[string]any{"drawing": drawing})
		if w.Code != http.StatusConflict {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	for name, drawing := range map[string]any{
		"text": "M0 0", "a number": 7, "negative": [][]int{{-1, 0, 1, 1}}, "large": [][]int{{70000, 0, 1, 1}}, "a part": [][]float64{{0.5, 1, 1, 1}},
		"points": []any{map[string]int{"x": 1}}, "deep": [][][]int{{{1, 1}}}, "words": [][]string{{"1", "1"}},
	} {
		w := c.post(newRequestID(), c.now.Session, "signed", map[string]any{"drawing": drawing})
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := c.post(newRequestID(), c.now.Session, "signed", map[string]any{"drawing": [][]int{make([]int, 20_000)}}); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a heap: %d", w.Code)
	}
	c.look()
	c.want(web.SignDrawn)
	if _, finished, _, _ := desk.counts(); finished != 0 {
		t.Error("something was finished")
	}
}

// What is typed as a name is a name or refused; it is echoed and logged nowhere.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	var logged journal
	for i, evil := range hostile {
		desk := signDesk()
		c := launched(t, start(t, web.Config{}, web.Deps{CheckIn: desk, Logger: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))}))
		c.toForm(codeName)
		c.answer(true)
		mark := fmt.Sprintf("q%dq", i)
		w := c.post(newRequestID(), c.now.Session, "signed", map[string]any{"name": mark + evil})
		if strings.Contains(w.Body.String(), mark) || w.Code >= 500 {
			t.Errorf("%q: %d, echoed %s", evil, w.Code, w.Body)
		}
		_, err := consent.Type(strings.ToValidUTF8(mark+evil, "\ufffd"))
		if taken := c.look().State == web.Consent; taken != (err == nil) {
			t.Errorf("%q: taken %v, %v", evil, taken, err)
		}
	}
	if strings.Contains(logged.String(), "q1q") || strings.Contains(logged.String(), "q7q") || logged.String() == "" {
		t.Error("a name is logged")
	}
}

// What the page lets a finger draw is what the gateway takes: a signer who draws on is
// not left with a button that does nothing.
func TestThePageDrawsWithinBounds(t *testing.T) {
	source, err := os.ReadFile("assets/draw.js")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"WIDE": consent.DrawingWidth, "HIGH": consent.DrawingHeight, "MOST": consent.MaxPoints, "STROKES": consent.MaxStrokes} {
		if line := fmt.Sprintf("const %s = %d;", name, want); !bytes.Contains(source, []byte(line)) {
			t.Errorf("draw.js has no %q", line)
		}
	}
	if page, err := os.ReadFile("pages/checkin.html"); err != nil || !bytes.Contains(page, fmt.Appendf(nil, `class="drawing" viewBox="0 0 %d %d"`, consent.DrawingWidth, consent.DrawingHeight)) {
		t.Errorf("the sheet has another grid, %v", err)
	}
}
