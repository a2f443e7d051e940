package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/web"
	"clinicgate/kiosk/web/speech"
)

// tone is a voice that hums a text: the longer the text, the longer the hum.
func tone(_ context.Context, _, text string) ([]int16, int, error) {
	pcm := make([]int16, 400+10*len(text))
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(float64(i)/4))
	}
	return pcm, 22050, nil
}

// TestPacksAreComplete: every sentence of every language, whole or by the parts
// between its values, every digit, letter, month and form has its clip.
func TestPacksAreComplete(t *testing.T) {
	dir := t.TempDir()
	var out strings.Builder
	if err := run(t.Context(), []string{"-out", dir}, &out, tone); err != nil {
		t.Fatal(err)
	}
	tags := []string{"en", "es", "zh-Hans", "vi", "ar"}
	voices, err := web.Voices(os.DirFS(dir), tags, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range voices {
		if v.Err != nil || v.Missing > 0 {
			t.Errorf("%s: error %v, %d texts missing", v.Language, v.Err, v.Missing)
		}
		f, err := os.Open(filepath.Join(dir, v.Language+speech.Extension))
		if err != nil {
			t.Fatal(err)
		}
		info, _ := f.Stat()
		p, err := speech.Read(f, info.Size())
		_ = f.Close()
		if err != nil {
			t.Fatal(err)
		}
		has := p.Texts()
		for _, text := range []string{"0", "7", "59", "180", "A", "Z"} {
			if !has[text] {
				t.Errorf("%s: no clip for %q", v.Language, text)
			}
		}
		forms, _ := consent.EmbeddedForms().For("in-person", v.Language)
		for _, form := range forms {
			for _, part := range append(strings.Split(form.Text, "\n"), form.Title) {
				if part = speech.Key(part); part != "" && !has[part] {
					t.Errorf("%s: no clip for %q of form %s", v.Language, part, form.ID)
				}
			}
		}
		if len(has) < 250 {
			t.Errorf("%s: %d clips", v.Language, len(has))
		}
	}
	if n := strings.Count(out.String(), "\n"); n != len(tags) {
		t.Errorf("said %q", out.String())
	}
}

// TestSilentVoice: a text that comes out as nothing ends the build; on the kiosk it
// would be a button without a name.
func TestSilentVoice(t *testing.T) {
	dir := t.TempDir()
	silent := func(_ context.Context, _, text string) ([]int16, int, error) {
		if text == "Help" {
			return make([]int16, 1000), 22050, nil
		}
		return tone(t.Context(), "", text)
	}
	if err := run(t.Context(), []string{"-out", dir, "-languages", "en"}, new(strings.Builder), silent); err == nil || !strings.Contains(err.Error(), `"Help"`) {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestResample: a tone stays the tone that it was, and one above what the new rate
// can hold is gone.
func TestResample(t *testing.T) {
	hum := func(pitch float64) []int16 {
		pcm := make([]int16, 22050)
		for i := range pcm {
			pcm[i] = int16(10000 * math.Sin(2*math.Pi*pitch*float64(i)/22050))
		}
		return pcm
	}
	power := func(pcm []int16) float64 {
		var sum float64
		for _, s := range pcm[200 : len(pcm)-200] {
			sum += float64(s) * float64(s)
		}
		return math.Sqrt(sum / float64(len(pcm)-400))
	}
	out := resample(hum(1000), 22050, 16000)
	if len(out) != 16000 {
		t.Fatalf("%d samples", len(out))
	}
	for i := 200; i < 15800; i++ {
		if want := 10000 * math.Sin(2*math.Pi*1000*float64(i)/16000); math.Abs(want-float64(out[i])) > 150 {
			t.Fatalf("sample %d is %d, want %.0f", i, out[i], want)
		}
	}
	if p := power(resample(hum(10000), 22050, 16000)); p > 400 {
		t.Errorf("a tone above half the rate keeps a power of %.0f", p)
	}
}

func TestTrim(t *testing.T) {
	pcm := make([]int16, 20000)
	pcm[9000], pcm[10000] = 5000, -5000
	if got := trim(pcm); len(got) != 1000+lead+trailing || got[lead] != 5000 {
		t.Errorf("%d samples", len(got))
	}
	if got := trim(make([]int16, 100)); got != nil {
		t.Errorf("silence has %d samples", len(got))
	}
}

// piped is what espeak-ng writes to a pipe: lengths that it does not know.
func piped(samples ...int16) []byte {
	b := []byte("RIFF\x24\xf0\xff\x7fWAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x22\x56\x00\x00\x44\xac\x00\x00\x02\x00\x10\x00data\x00\xf0\xff\x7f")
	for _, s := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

func TestParseWAV(t *testing.T) {
	pcm, rate, err := parseWAV(piped(1, -2, 300))
	if err != nil || rate != 22050 || len(pcm) != 3 || pcm[1] != -2 {
		t.Errorf("%v, %d, %v", pcm, rate, err)
	}
	for n := range 44 {
		if _, _, err := parseWAV(piped(1)[:n]); err == nil {
			t.Errorf("the first %d bytes are taken", n)
		}
	}
	if _, _, err := parseWAV(bytes.Replace(piped(1), []byte("\x01\x00\x01\x00"), []byte("\x01\x00\x02\x00"), 1)); err == nil {
		t.Error("stereo is taken")
	}
}

func FuzzParseWAV(f *testing.F) {
	f.Add(piped(1, 2, 3))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEfmt \xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if pcm, rate, err := parseWAV(b); err == nil && (2*len(pcm) > len(b) || rate <= 0) {
			t.Errorf("%d samples at %d of %d bytes", len(pcm), rate, len(b))
		}
	})
}
