package speech_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"clinicgate/kiosk/web/speech"
)

// tones is a small pack.
func tones(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := speech.Write(&b, "en", 16000, []string{"Welcome", "7"}, [][]byte{make([]byte, 160), make([]byte, 80)}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// forged is a pack with another index, its checksum made right.
func forged(index string, sounds int) []byte {
	b := binary.BigEndian.AppendUint32([]byte("clinicgate speech 1\n"), uint32(len(index)))
	b = append(append(b, index...), make([]byte, sounds)...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func TestPack(t *testing.T) {
	whole := tones(t)
	p, err := speech.Read(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	if p.Language != "en" || p.Rate != 16000 || len(p.Clips) != 2 || p.Clips[1] != (speech.Clip{Text: "7", Bytes: 80}) || !p.Texts()["7"] || p.Texts()["8"] {
		t.Errorf("read back %+v", p.Index)
	}
}

// TestPackRefuses: a file that is not exactly a pack is none, at whichever byte it
// was cut or changed.
func TestPackRefuses(t *testing.T) {
	whole := tones(t)
	refused := func(what string, b []byte) {
		t.Helper()
		if _, err := speech.Read(bytes.NewReader(b), int64(len(b))); !errors.Is(err, speech.ErrPack) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	for n := range whole {
		refused("cut", whole[:n])
		damaged := bytes.Clone(whole)
		damaged[n] ^= 0x10
		refused("damaged", damaged)
	}
	refused("longer", append(bytes.Clone(whole), 0))
	for what, b := range map[string][]byte{
		"an unknown member":   forged(`{"language":"en","rate":16000,"clips":[],"more":1}`, 0),
		"two indexes":         forged(`{"language":"en","rate":16000,"clips":[]}{}`, 0),
		"no language":         forged(`{"rate":16000,"clips":[]}`, 0),
		"a rate of nothing":   forged(`{"language":"en","rate":1,"clips":[]}`, 0),
		"an empty clip":       forged(`{"language":"en","rate":16000,"clips":[{"text":"a","bytes":0}]}`, 0),
		"a negative clip":     forged(`{"language":"en","rate":16000,"clips":[{"text":"a","bytes":-8},{"text":"b","bytes":16}]}`, 8),
		"a clip twice":        forged(`{"language":"en","rate":16000,"clips":[{"text":"a","bytes":4},{"text":"a","bytes":4}]}`, 8),
		"a text out of form":  forged(`{"language":"en","rate":16000,"clips":[{"text":" a","bytes":4}]}`, 4),
		"more clips than fit": forged(`{"language":"en","rate":16000,"clips":[`+strings.TrimSuffix(strings.Repeat(`{"text":"a","bytes":4},`, 4097), ",")+`]}`, 4),
		"sounds that miss":    forged(`{"language":"en","rate":16000,"clips":[{"text":"a","bytes":9}]}`, 8),
	} {
		refused(what, b)
	}
}

func TestWriteRefuses(t *testing.T) {
	for what, texts := range map[string][]string{"twice": {"a", "a"}, "empty": {"", "a"}, "out of form": {"a  b", "a"}, "one too few": {"a"}} {
		if err := speech.Write(new(bytes.Buffer), "en", 16000, texts, [][]byte{{1}, {2}}); err == nil {
			t.Errorf("%s: written", what)
		}
	}
}

// TestMuLaw: every sample comes back within the step of its segment, which G.711
// has as a sixteenth of the value, and known codes are those of the standard.
func TestMuLaw(t *testing.T) {
	var all []int16
	for v := -32635; v <= 32635; v++ {
		all = append(all, int16(v))
	}
	for i, s := range speech.Decode(speech.Encode(all)) {
		v, got := int(all[i]), int(s)
		if off, step := got-v, (max(v, -v)+0x84)/16; off > step || -off > step {
			t.Fatalf("%d comes back as %d", v, got)
		}
	}
	if got := speech.Encode([]int16{0, 32635, -32635, -32768}); !bytes.Equal(got, []byte{0xff, 0x80, 0x00, 0x00}) {
		t.Errorf("codes %x", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(tones(f))
	f.Add(forged(`{"language":"en","rate":16000,"clips":[{"text":"a","bytes":9}]}`, 9))
	f.Add([]byte("clinicgate speech 1\n\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := speech.Read(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !errors.Is(err, speech.ErrPack) {
				t.Errorf("error %v", err)
			}
			return
		}
		total := 0
		for _, c := range p.Clips {
			total += c.Bytes
		}
		if total >= len(b) {
			t.Errorf("%d bytes of clips in a file of %d", total, len(b))
		}
	})
}
