package consent_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/consent"
	"clinicgate/storage"

	"pgregory.net/rapid"
)

// asking gives the forms of a clinic, of which one asks for a signature.
func asking(t *testing.T, method string) *consent.Forms {
	t.Helper()
	text := strings.Replace(form("a", "telehealth", "1", "en"), "scope =", "signature = \""+method+"\"\nscope =", 1)
	forms, err := consent.LoadForms(fstest.MapFS{"a.txt": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	return forms
}

func (k *kit) asks(method string) consent.Decision {
	k.t.Helper()
	var err error
	if k.Service, err = consent.New("riverside", asking(k.t, method)); err != nil {
		k.t.Fatal(err)
	}
	f, _ := k.Forms().For(kiosk.InPerson, "en")
	return consent.Decision{FormID: f[0].ID, Version: f[0].Version, Language: f[0].Language, SHA256: f[0].SHA256, Granted: true}
}

func typed(t *testing.T, name string) consent.Signature {
	t.Helper()
	g, err := consent.Type(name)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

var wave = [][]uint16{{10, 200, 60, 120, 110, 260, 160, 200}, {400, 10}, {0, 400, 1000, 0}}

func drawn(t *testing.T) consent.Signature {
	t.Helper()
	g, err := consent.Draw(wave)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// kept gives the patient's newest record and what is held of its signature.
func (k *kit) kept() (rec consent.Record, g consent.Signature, err error) {
	k.t.Helper()
	e := k.store.View(context.Background(), func(r *storage.Reader) error {
		list, err := k.Records(r, jane)
		if len(list) > 0 {
			rec = list[len(list)-1]
		}
		return err
	})
	if e != nil {
		k.t.Fatal(e)
	}
	g, err = k.Signature(context.Background(), k.store, rec)
	return rec, g, err
}

func (k *kit) locals() []storage.Record {
	k.t.Helper()
	list, err := k.store.Read(context.Background(), kiosk.SignatureStream, "", storage.Cursor{}, 100)
	if err != nil {
		k.t.Fatal(err)
	}
	return list
}

// Every method that a form may ask for, by every signature that may come.
func TestAGrantIsSignedAsItsFormAsks(t *testing.T) {
	given := map[consent.Method]consent.Signature{consent.Tapped: {}, consent.Typed: typed(t, "Ada Fictional"), consent.Drawn: drawn(t)}
	for _, c := range []struct {
		asks, gives consent.Method
		ok          bool
	}{
		{consent.Tapped, consent.Tapped, true}, {consent.Tapped, consent.Typed, false}, {consent.Tapped, consent.Drawn, false},
		{consent.Typed, consent.Tapped, false}, {consent.Typed, consent.Typed, true}, {consent.Typed, consent.Drawn, false},
		{consent.Drawn, consent.Tapped, false}, {consent.Drawn, consent.Typed, true}, {consent.Drawn, consent.Drawn, true},
	} {
		t.Run(string(c.asks)+" by "+string(c.gives), func(t *testing.T) {
			k := newKit(t)
			d := k.asks(string(c.asks))
			d.Signature = given[c.gives]
			_, err := k.decide(kiosk.NewAct(session), d)
			if c.ok != (err == nil) || err != nil && !errors.Is(err, consent.ErrSignature) {
				t.Fatal(err)
			}
			if !c.ok {
				if n := len(k.events()) + len(k.locals()); n != 0 {
					t.Errorf("a refused grant left %d events", n)
				}
				return
			}
			rec, g, err := k.kept()
			if rec.Method != string(c.gives) {
				t.Errorf("method %q", rec.Method)
			}
			if c.gives == consent.Tapped {
				if rec.ConsentShape.Signature != nil || !errors.Is(err, consent.ErrSignature) || len(k.locals()) != 0 {
					t.Errorf("a tap keeps %+v, %v", rec.ConsentShape.Signature, err)
				}
				return
			}
			if err != nil || g.Method() != c.gives || g.SVG().Reveal() != given[c.gives].SVG().Reveal() {
				t.Errorf("kept %q, %v", g.SVG().Reveal(), err)
			}
		})
	}
}

// Declining never needs a signature, and none is taken with it.
func TestARefusalIsNotSigned(t *testing.T) {
	k := newKit(t)
	d := k.asks("drawn")
	d.Granted = false
	if _, err := k.decide(kiosk.NewAct(session), d); err != nil {
		t.Fatal(err)
	}
	d.Signature = drawn(t)
	if _, err := k.decide(kiosk.NewAct(session), d); !errors.Is(err, consent.ErrSignature) {
		t.Errorf("a signed refusal: %v", err)
	}
	if n := len(k.locals()); n != 0 {
		t.Errorf("%d signatures", n)
	}
}

// What is published holds hash and size, of salted bytes: two signatures by one name
// have nothing in common, and neither the file nor an event tells the name.
func TestASignatureIsSealed(t *testing.T) {
	const name = "Zyxwa Fictional"
	k := newKit(t)
	d := k.asks("typed")
	d.Signature = typed(t, "  Zyxwa   Fictional ")
	act := kiosk.NewAct(session)
	var hashes []string
	for _, a := range []kiosk.Act{act, act, kiosk.NewAct(session)} { // the second repeats the first
		if _, err := k.decide(a, d); err != nil {
			t.Fatal(err)
		}
		rec, g, err := k.kept()
		if err != nil || !strings.Contains(g.SVG().Reveal(), ">"+name+"<") {
			t.Fatalf("kept %q, %v", g.SVG().Reveal(), err)
		}
		hashes = append(hashes, rec.ConsentShape.Signature.SHA256)
	}
	guess := sha256.Sum256([]byte(name))
	if hashes[0] != hashes[1] || hashes[1] == hashes[2] || hashes[0] == hex.EncodeToString(guess[:]) || len(k.locals()) != 2 {
		t.Errorf("hashes %v, %d kept", hashes, len(k.locals()))
	}
	for _, e := range k.events() {
		if bytes.Contains(e.Body, []byte("Zyxwa")) || e.Kind == kiosk.SignatureKind {
			t.Errorf("published: %s", e.Body)
		}
	}
	if s := fmt.Sprintf("%v %+v %#v %v", d, d, d, d.Signature); strings.Contains(s, "Zyxwa") {
		t.Errorf("printed: %s", s)
	}
	if b, err := json.Marshal(d); err != nil || bytes.Contains(b, []byte("Zyxwa")) {
		t.Errorf("encoded: %s, %v", b, err)
	}
	dir := k.options.Dir
	if err := k.store.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(files) == 0 {
		t.Fatal("no files")
	}
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && bytes.Contains(b, []byte("Zyxwa")) {
			t.Errorf("%s holds the name", f)
		}
	}
}

// A signature of another kiosk is not here; one that does not fit its record is not
// given out.
func TestASignatureThatIsNotHeld(t *testing.T) {
	k := newKit(t)
	d := k.asks("drawn")
	d.Signature = drawn(t)
	if _, err := k.decide(kiosk.NewAct(session), d); err != nil {
		t.Fatal(err)
	}
	rec, _, err := k.kept()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(change func(*consent.Record)) error {
		r := rec
		s := *rec.ConsentShape.Signature
		r.ConsentShape.Signature = &s
		change(&r)
		_, err := k.Signature(context.Background(), k.store, r)
		return err
	}
	if err := ask(func(r *consent.Record) { r.ID[3]++ }); !errors.Is(err, consent.ErrElsewhere) {
		t.Errorf("of another kiosk: %v", err)
	}
	for name, change := range map[string]func(*consent.Record){
		"hash":   func(r *consent.Record) { r.ConsentShape.Signature.SHA256 = strings.Repeat("0", 64) },
		"size":   func(r *consent.Record) { r.ConsentShape.Signature.Size++ },
		"method": func(r *consent.Record) { r.Method = "typed" },
	} {
		if err := ask(change); !errors.Is(err, storage.ErrUnreadable) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	// It is kept for seven years, when the record that names it has long gone.
	for _, c := range []struct {
		years int
		want  error
	}{{6, nil}, {2, consent.ErrElsewhere}} {
		k.now = k.now.AddDate(c.years, 0, 0)
		if err := k.store.Retain(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
		if err := ask(func(*consent.Record) {}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", k.now.Format(time.DateOnly), err, c.want)
		}
	}
}

// What is too much, too little or something else is no signature.
func TestSignaturesWithinBounds(t *testing.T) {
	line := func(points int) (s []uint16) {
		for i := range points {
			s = append(s, uint16(i%2*consent.DrawingWidth), uint16(i%2*consent.DrawingHeight))
		}
		return s
	}
	many := func(n int) (list [][]uint16) {
		for range n {
			list = append(list, []uint16{1, 1, 2, 2})
		}
		return list
	}
	for name, c := range map[string]struct {
		strokes [][]uint16
		ok      bool
	}{
		"nothing":         {nil, false},
		"an empty stroke": {[][]uint16{{1, 1, 2, 2}, {}}, false},
		"half a point":    {[][]uint16{{1, 1, 2}}, false},
		"a single touch":  {[][]uint16{{1, 1}}, false},
		"too far right":   {[][]uint16{{1, 1, consent.DrawingWidth + 1, 1}}, false},
		"too far down":    {[][]uint16{{1, 1, 1, consent.DrawingHeight + 1}}, false},
		"an X":            {[][]uint16{{0, 0, 9, 9}, {9, 0, 0, 9}}, true},
		"the most":        {[][]uint16{line(1500)}, true},
		"more":            {[][]uint16{line(1501)}, false},
		"most strokes":    {many(60), true},
		"more strokes":    {many(61), false},
	} {
		g, err := consent.Draw(c.strokes)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, consent.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && len(g.Keep()) > 7<<10 {
			t.Errorf("%s takes %d bytes", name, len(g.Keep()))
		}
	}
	for name, ok := range map[string]bool{
		"": false, "   ": false, "-": false, "X": true, "García López": true, "محمد": true, "李": true, "Nguyễn Thị Hoa": true, "O’Brien-Smith": true,
		"a\x00b": false, "a\u202eb": false, "\xff\xfe": false, "123": false, strings.Repeat("m", 60): true, strings.Repeat("m", 61): false,
	} {
		if _, err := consent.Type(name); (err == nil) != ok || err != nil && !errors.Is(err, consent.ErrMalformed) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if svg := typed(t, `A <script>"&`).SVG().Reveal(); strings.Contains(svg, "<script") || !strings.Contains(svg, "A &lt;script&gt;") {
		t.Errorf("a hostile name draws %s", svg)
	}
}

// What was drawn is what is read back, whatever it is.
func TestPropertyDrawing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		strokes := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) (s []uint16) {
			for range rapid.IntRange(1, 20).Draw(t, "points") {
				s = append(s, rapid.Uint16Range(0, consent.DrawingWidth).Draw(t, "x"), rapid.Uint16Range(0, consent.DrawingHeight).Draw(t, "y"))
			}
			return s
		}), 2, 60).Draw(t, "strokes")
		g, err := consent.Draw(strokes)
		if err != nil {
			t.Fatal(err)
		}
		back, err := consent.ParseKept(g.Keep())
		if err != nil || back.Method() != consent.Drawn || back.SVG().Reveal() != g.SVG().Reveal() || strings.Count(g.SVG().Reveal(), "M") != len(strokes) {
			t.Fatalf("%v is %v, %v", strokes, back.SVG().Reveal(), err)
		}
	})
}

// The bytes under the seal may be of a damaged or a newer store.
func FuzzParseKept(f *testing.F) {
	for _, g := range []func() (consent.Signature, error){
		func() (consent.Signature, error) { return consent.Type("Ada Fictional") },
		func() (consent.Signature, error) { return consent.Draw(wave) },
	} {
		s, err := g()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(s.Keep())
	}
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := consent.ParseKept(b)
		if err != nil {
			if !errors.Is(err, consent.ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if again := g.Keep(); !bytes.Equal(again[17:], b[17:]) { // but for the salt
			t.Fatalf("%x is read as %x", b[17:], again[17:])
		}
		if len(g.SVG().Reveal()) > 64<<10 {
			t.Fatalf("%d bytes draw %d", len(b), len(g.SVG().Reveal()))
		}
	})
}

// signature is tapped unless the form says otherwise, one of three words, and the
// same in all languages.
func TestSignatureOfForms(t *testing.T) {
	with := func(line, language string) []byte {
		return []byte(strings.Replace(form("a", "telehealth", "1", language), "scope =", line+"\nscope =", 1))
	}
	for line, want := range map[string]consent.Method{"": consent.Tapped, `signature = "tapped"`: consent.Tapped, `signature = "typed"`: consent.Typed, `signature = "drawn"`: consent.Drawn} {
		if f, err := consent.ParseForm(with(line, "en")); err != nil || f.Signature != want {
			t.Errorf("%q: %q, %v", line, f.Signature, err)
		}
	}
	for _, line := range []string{`signature = ""`, `signature = "ink"`, `signature = "Drawn"`, `signature = true`} {
		if _, err := consent.ParseForm(with(line, "en")); err == nil {
			t.Errorf("%q was taken", line)
		}
	}
	if _, err := consent.LoadForms(fstest.MapFS{"a.txt": {Data: with(`signature = "drawn"`, "en")}, "b.txt": {Data: with("", "es")}}); err == nil {
		t.Error("two signatures in two languages were taken")
	}
}
