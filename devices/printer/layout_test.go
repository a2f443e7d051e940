package printer

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"pgregory.net/rapid"

	"clinicgate/devices/printer/letters"
)

var update = flag.Bool("update", false, "write the golden files anew")

func pageFonts(t testing.TB) [][]byte {
	t.Helper()
	var files [][]byte
	for _, name := range []string{"latin", "arabic", "viet-hello", "viet-latin-hello", "viet", "viet-latin", "han-hello", "han", "latin-ext", "han-more"} {
		b, err := os.ReadFile(filepath.Join("../../kiosk/web/assets", "text-"+name+".woff2"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b)
	}
	return files
}

func english(t testing.TB) Words {
	return Words{Tag: "en", Title: "Your number", Where: "Please wait here", Wait: "Expected wait", Note: "Remember your number.", Fonts: pageFonts(t),
		Minutes: func(low, high int) string { return fmt.Sprintf("%d to %d minutes", low, high) }}
}

func someTicket() Ticket {
	return Ticket{Number: "A-017", Where: "Heart center, blue chairs", WaitLow: 10, WaitHigh: 25, Code: "TKT1:K7FJR4G4PEYBMNPNY6LWE6NCLY",
		Language: "en", At: time.Date(2026, 3, 8, 14, 5, 0, 0, time.UTC)}
}

// TestGoldenTickets: the bytes that go to the printer. A printer that printed the
// files once prints them the same after each change of this package that leaves
// them alone.
func TestGoldenTickets(t *testing.T) {
	newYork := time.FixedZone("EST", -5*3600)
	spanish := english(t)
	spanish.Tag, spanish.Title, spanish.Where, spanish.Note = "es", "Su número", "Por favor, espere aquí", "Recuerde su número. ¡Gracias!"
	for name, c := range map[string]struct {
		config Config
		words  Words
	}{
		"80mm-pc858": {Config{Clinic: "Clínica del Río", Zone: newYork}, english(t)},
		"58mm-pc437": {Config{Width: 384, CodePage: "pc437", Cut: CutNone, Zone: newYork}, english(t)},
		"58mm-es":    {Config{Width: 384, CodePage: "wpc1252", Cut: CutFull, Zone: newYork}, spanish},
	} {
		got, err := c.config.withDefaults().encode(someTicket(), c.words)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".hex")
		text := hex.Dump(got)
		if *update {
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil || text != string(want) {
			t.Errorf("%s: the bytes are not those of %s (%v):\n%s", name, file, err, text)
		}
	}
}

// What a code page lacks makes the whole ticket a picture: half of it in another
// script's letters would be worse than none.
func TestOtherScriptsAreDrawn(t *testing.T) {
	for where, picture := range map[string]bool{"Heart center": false, "Cardiología": false, "心脏科": true, "قسم القلب": true, "Khoa tim mạch": true} {
		ticket := someTicket()
		ticket.Where = where
		got, err := Config{}.withDefaults().encode(ticket, english(t))
		if err != nil {
			t.Fatal(err)
		}
		if drawn := bytes.Contains(got, []byte{0x1d, 'v', '0', 0}); drawn != picture {
			t.Errorf("ticket for %q: drawn %v, want %v", where, drawn, picture)
		}
		if picture == bytes.Contains(got, []byte("A-017")) {
			t.Errorf("ticket for %q mixes letters and picture", where)
		}
	}
	ticket := someTicket()
	ticket.Where = "ᚠᚢᚦ"
	if _, err := (Config{}).withDefaults().encode(ticket, english(t)); err == nil || !strings.Contains(err.Error(), "U+16A0") {
		t.Errorf("a script that no font has: %v, want the missing character", err)
	}
}

// commands are those that the encoder may send, each with its whole length, but
// for pictures and QR codes, whose length stands inside them.
var commands = regexp.MustCompile(`(?s)^(?:\x1b@|\x1c\.|\x1da\x00|\x1bt.|\x1ba\x01|\x1d!.|\x1bE[\x00\x01]|\x1bd.|\x1dV[AB]\x00|\x1dr\x01|\n)`)

// rest takes every command out of a job, and gives what a printer would print.
func rest(t interface{ Fatalf(string, ...any) }, j []byte) (text []byte) {
	for len(j) > 0 {
		switch {
		case bytes.HasPrefix(j, []byte{0x1d, 'v', '0', 0}):
			n := 8 + (int(j[4])|int(j[5])<<8)*(int(j[6])|int(j[7])<<8)
			j = j[n:]
		case bytes.HasPrefix(j, []byte{0x1d, '(', 'k'}):
			j = j[5+(int(j[3])|int(j[4])<<8):]
		case commands.Match(j):
			j = j[len(commands.Find(j)):]
		case j[0] < ' ' || j[0] == 0x7f:
			t.Fatalf("control byte % x that is no command of ours", j[:min(8, len(j))])
		default:
			text, j = append(text, j[0]), j[1:]
		}
	}
	return text
}

var opensDrawer = regexp.MustCompile(`(?s)\x1bp|\x10[\x04\x05\x14]`)

// TestNoTextIsACommand: whatever the clinic's labels, the words and the code say,
// nothing reaches the printer that the encoder did not mean, and never what opens
// a drawer.
func TestNoTextIsACommand(t *testing.T) {
	fonts := pageFonts(t)
	nasty := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.SampledFrom([]rune("\x00\x04\x05\n\r\x10\x14\x1b\x1cp@!kV\x7f\u0080\u009b\u202e\u200d A心ع")), 0, 40, -1))
	rapid.Check(t, func(t *rapid.T) {
		c := Config{Clinic: nasty.Draw(t, "clinic"), CodePage: rapid.SampledFrom(append(codePageNames(), Picture)).Draw(t, "page"),
			Width: rapid.SampledFrom([]int{384, 576}).Draw(t, "width")}.withDefaults()
		w := Words{Tag: "en", Title: nasty.Draw(t, "title"), Where: nasty.Draw(t, "label"), Wait: "w", Note: nasty.Draw(t, "note"),
			Fonts: fonts[:2], Minutes: func(int, int) string { return "m" }}
		ticket := Ticket{Number: nasty.Draw(t, "number"), Where: nasty.Draw(t, "where"), WaitHigh: 1, Code: nasty.Draw(t, "code")}
		page, ok := codePages()[c.CodePage]
		if ok {
			if j, ok := c.text(page, c.items(ticket, w)); ok {
				if bad := opensDrawer.Find(j); bad != nil {
					t.Fatalf("job has % x", bad)
				}
				rest(t, j)
			}
		}
		for _, text := range []string{c.Clinic, w.Title, ticket.Where} {
			for _, b := range encodeAll(text) {
				if b < ' ' || b == 0x7f {
					t.Fatalf("%q became a control byte %x", text, b)
				}
			}
		}
	})
}

func encodeAll(text string) (all []byte) {
	for _, p := range codePages() {
		b, _ := p.encode(text)
		all = append(all, b...)
	}
	return all
}

// A picture that holds the bytes of a real-time command, at any place, is sent
// without them.
func TestPicturesOpenNoDrawer(t *testing.T) {
	fonts := letters.New(pageFonts(t))
	p, err := Config{Width: 384}.withDefaults().picture([]item{{number, "A-017"}}, fonts, false)
	if err != nil {
		t.Fatal(err)
	}
	for y := range p.Rect.Dy() {
		for x := range p.Rect.Dx() / 8 {
			dots := []byte{0x10, 0x14, 0x10, 0x05, 0x10, 0x04}[(x+y)%6]
			for bit := range 8 {
				p.Pix[y*p.Stride+8*x+bit] = dots << bit >> 7 * 0xff
			}
		}
	}
	j := job{}.start().picture(p).cut(CutFull)
	if bad := opensDrawer.Find(j); bad != nil {
		t.Errorf("the picture has % x", bad)
	}
	if text := rest(t, j); len(text) != 0 {
		t.Errorf("a picture prints %q", text)
	}
}

func TestCodeIsLettersOrNothing(t *testing.T) {
	for _, code := range []string{"", "TKT1:a", "A\x1bp", strings.Repeat("A", 101), "A B"} {
		if j := (job{}).qr(code, 4); len(j) != 0 {
			t.Errorf("qr(%q) is % x, want nothing", code, []byte(j))
		}
	}
}

func FuzzEncode(f *testing.F) {
	f.Add("A\x1bp\x00\x19\xfaB", "pc437")
	f.Add("…“x”–\u00a0", "wpc1252")
	f.Fuzz(func(t *testing.T, text, name string) {
		p, ok := codePages()[name]
		if !ok {
			p = codePages()["pc858"]
		}
		out, _ := p.encode(text)
		for _, b := range out {
			if b < ' ' || b == 0x7f {
				t.Errorf("encode(%q) has the control byte %x", text, b)
			}
		}
		if len(out) > 3*len(text) {
			t.Errorf("encode(%q) is %d bytes long", text, len(out))
		}
	})
}

func TestTicketArguments(t *testing.T) {
	places := []string{"Heart center, blue chairs"}
	good := someTicket()
	got, err := ParseTicket(good.Args(), places)
	if err != nil || got != good {
		t.Fatalf("ParseTicket(Args) = %+v, %v, want the ticket", got, err)
	}
	for name, value := range map[string]string{
		"number": "Ada Lovelace", "where": "Ada Lovelace, born 1815", "code": "TKT1:ada", "wait-low": "99", "wait-high": "-1", "language": "en\x1bp", "at": "today", "name": "Ada",
	} {
		args := good.Args()
		args[name] = value
		if _, err := ParseTicket(args, places); err == nil {
			t.Errorf("ParseTicket took %s = %q", name, value)
		} else if strings.Contains(err.Error(), "Ada") {
			t.Errorf("the error repeats what was sent: %v", err)
		}
	}
}

func TestColumns(t *testing.T) {
	for _, n := range []int{1, 5, 12, 32} {
		text := encoded("Please wait here, on the blue chairs by the window")
		var back []string
		for _, line := range columns(text, n) {
			if len(line) > n {
				t.Errorf("columns(%d) has a line of %d", n, len(line))
			}
			back = append(back, string(line))
		}
		squeeze := func(s string) string {
			return strings.Map(func(r rune) rune {
				if unicode.IsSpace(r) {
					return -1
				}
				return r
			}, s)
		}
		if squeeze(strings.Join(back, "")) != squeeze(string(text)) {
			t.Errorf("columns(%d) lost letters: %q", n, back)
		}
	}
}
