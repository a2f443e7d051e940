package letters_test

import (
	"errors"
	"image"
	"os"
	"path/filepath"
	"testing"

	"clinicgate/devices/printer/letters"
)

// pageFonts are the page's own, which the ticket is printed with.
func pageFonts(t testing.TB, names ...string) [][]byte {
	t.Helper()
	var files [][]byte
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join("../../../kiosk/web/assets", "text-"+name+".woff2"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, b)
	}
	return files
}

var every = []string{"latin", "arabic", "viet-hello", "viet-latin-hello", "viet", "viet-latin", "han-hello", "han", "han-video", "latin-ext", "han-more"}

func ink(a *image.Alpha) (n int) {
	for _, v := range a.Pix {
		if v > 127 {
			n++
		}
	}
	return n
}

func TestEveryScriptOfThePageHasInk(t *testing.T) {
	fonts := letters.New(pageFonts(t, every...))
	for _, text := range []string{"Heart center 2", "Sala de espera, señal", "心脏科候诊室", "Phòng chờ tầng một", "غرفة الانتظار"} {
		got, err := fonts.Draw(text, letters.Style{Size: 40, Weight: 600, RTL: text == "غرفة الانتظار"})
		if err != nil {
			t.Fatalf("Draw(%q): %v", text, err)
		}
		if n := ink(got); n < 400 {
			t.Errorf("Draw(%q) has %d dots of ink, want a line of text", text, n)
		}
	}
}

// Joined letters are narrower than the same letters that stand alone, and a
// right-to-left line begins at the right.
func TestArabicIsJoinedAndRunsToTheLeft(t *testing.T) {
	fonts := letters.New(pageFonts(t, "latin", "arabic"))
	st := letters.Style{Size: 60, Weight: 400, RTL: true}
	joined, err := fonts.Width("سسس", st)
	if err != nil {
		t.Fatal(err)
	}
	single, err := fonts.Width("س", st)
	if err != nil || joined >= 3*single {
		t.Errorf("three joined letters take %d dots, one alone %d (%v): they are not joined", joined, single, err)
	}

	// "لا 7": the digit is read last, so it stands at the left.
	line, err := fonts.Draw("اا 1", st)
	if err != nil {
		t.Fatal(err)
	}
	digit, err := fonts.Draw("1", st)
	if err != nil {
		t.Fatal(err)
	}
	left := image.NewAlpha(digit.Bounds())
	for y := range left.Rect.Dy() {
		for x := range left.Rect.Dx() - 3 {
			left.SetAlpha(x, y, line.AlphaAt(x, y))
		}
	}
	if n, want := ink(left), ink(digit); n < want*8/10 {
		t.Errorf("the left of a right-to-left line has %d dots of ink, want the digit's %d", n, want)
	}
}

func TestMissingCharacterIsNamed(t *testing.T) {
	fonts := letters.New(pageFonts(t, "latin"))
	_, err := fonts.Draw("A心", letters.Style{Size: 20, Weight: 400})
	if m, ok := errors.AsType[*letters.Missing](err); !ok || m.Rune != '心' {
		t.Errorf("Draw without the font = %v, want the missing character", err)
	}
}

func TestControlCharactersAreNoInk(t *testing.T) {
	fonts := letters.New(pageFonts(t, "latin"))
	st := letters.Style{Size: 30, Weight: 400}
	plain, err1 := fonts.Width("AB", st)
	control, err2 := fonts.Width("A\x1bp\x00\u202eB"[:2]+"\x00\u202eB", st)
	if err1 != nil || err2 != nil || plain != control {
		t.Errorf("width with control characters %d (%v), without %d (%v)", control, err2, plain, err1)
	}
}

func TestLinesFit(t *testing.T) {
	fonts := letters.New(pageFonts(t, every...))
	for text, rtl := range map[string]bool{
		"Remember your number. We will show it on the screen in the waiting room.": false,
		"请记住您的号码。号码会显示在候诊室的屏幕上。":                                                   false,
		"يُرجى تذكّر رقمك. سيظهر على الشاشة في غرفة الانتظار.":                     true,
		"Donaudampfschifffahrtsgesellschaftskapitänsmütze":                         false,
	} {
		st := letters.Style{Size: 28, Weight: 500, RTL: rtl}
		lines, err := fonts.Wrap(text, 300, st)
		if err != nil || len(lines) < 2 {
			t.Fatalf("Wrap(%q) = %q, %v", text, lines, err)
		}
		for _, line := range lines {
			if w, err := fonts.Width(line, st); err != nil || w > 300 {
				t.Errorf("line %q is %d dots wide (%v), want at most 300", line, w, err)
			}
		}
	}
}

func TestBrokenFontIsAnError(t *testing.T) {
	whole := pageFonts(t, "viet-hello")[0]
	for n := 0; n < len(whole); n += 97 {
		if _, err := letters.New([][]byte{whole[:n]}).Draw("ế", letters.Style{Size: 20, Weight: 400}); err == nil {
			t.Errorf("a font that ends after %d of %d bytes was read", n, len(whole))
		}
	}
}
