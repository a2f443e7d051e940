package speech

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Extension ends the name of a pack's file; the language's tag stands before it.
const Extension = ".speech"

const magic = "clinicgate speech 1\n"

// What a pack may hold. A whole page in one language has about 400 clips and 8 MB.
const (
	MaxBytes     = 64 << 20
	maxIndex     = 1 << 20
	maxClips     = 4096
	maxTextBytes = 8 << 10
	minRate      = 8000
	maxRate      = 48000
)

// ErrPack means that a file is no pack, or a damaged one: copy it again, or build it
// again with `make speech`.
var ErrPack = errors.New("not a whole speech pack")

// Index says what a pack holds.
type Index struct {
	Language string `json:"language"`
	Rate     int    `json:"rate"` // samples a second, and bytes a second
	Clips    []Clip `json:"clips"`
}

// Clip is one recording.
type Clip struct {
	Text  string `json:"text"` // as the page shows it
	Bytes int    `json:"bytes"`
}

// Pack is what Read learned of a pack.
type Pack struct {
	Index
	Size int64    // of the file, in bytes
	Sum  [32]byte // names the content
}

// Write makes a pack of clips, whose sounds are µ-law (Encode) at a rate.
func Write(w io.Writer, language string, rate int, texts []string, sounds [][]byte) error {
	if len(texts) != len(sounds) {
		return fmt.Errorf("%d texts and %d sounds", len(texts), len(sounds))
	}
	x := Index{Language: language, Rate: rate}
	for i, text := range texts {
		x.Clips = append(x.Clips, Clip{text, len(sounds[i])})
	}
	size, err := x.check()
	if err != nil {
		return err
	}
	index, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("cannot encode the index: %w", err)
	}
	if len(index) > maxIndex || headSize+int64(len(index))+size+sha256.Size > MaxBytes {
		return errors.New("the pack would be too large: an index of at most 1 MiB and a file of at most 64 MiB")
	}
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	head := binary.BigEndian.AppendUint32([]byte(magic), uint32(len(index)))
	for _, part := range append([][]byte{head, index}, sounds...) {
		if _, err := out.Write(part); err != nil {
			return fmt.Errorf("cannot write the pack: %w", err)
		}
	}
	if _, err := w.Write(sum.Sum(nil)); err != nil {
		return fmt.Errorf("cannot write the pack: %w", err)
	}
	return nil
}

const headSize = int64(len(magic)) + 4

// Read checks a pack of size bytes from its first to its last. It keeps the index
// and not the sounds. Whatever is wrong with the content is an ErrPack.
func Read(r io.Reader, size int64) (Pack, error) {
	refuse := func(why string) (Pack, error) { return Pack{}, fmt.Errorf("%s: %w", why, ErrPack) }
	if size > MaxBytes {
		return refuse("larger than 64 MiB")
	}
	sum := sha256.New()
	in := io.TeeReader(r, sum)
	head := make([]byte, headSize)
	if _, err := io.ReadFull(in, head); err != nil || string(head[:len(magic)]) != magic {
		return refuse("it does not begin as one")
	}
	n := int64(binary.BigEndian.Uint32(head[len(magic):]))
	if n > maxIndex || headSize+n+sha256.Size > size {
		return refuse("the index is longer than the file or 1 MiB")
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(in, raw); err != nil {
		return refuse("it ends in the index")
	}
	p := Pack{Size: size}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&p.Index); err != nil || d.More() {
		return refuse("the index is not readable")
	}
	sounds, err := p.check()
	if err != nil {
		return refuse(err.Error())
	}
	if headSize+n+sounds+sha256.Size != size {
		return refuse("the file is longer or shorter than its index says")
	}
	if _, err := io.CopyN(io.Discard, in, sounds); err != nil {
		return refuse("it ends in the sounds")
	}
	sum.Sum(p.Sum[:0])
	var last [sha256.Size]byte
	if _, err := io.ReadFull(r, last[:]); err != nil || last != p.Sum {
		return refuse("the checksum is wrong")
	}
	return p, nil
}

// check looks at every number of the index and adds the clips' sizes up.
func (x Index) check() (size int64, err error) {
	if x.Language == "" || len(x.Language) > 35 || x.Rate < minRate || x.Rate > maxRate {
		return 0, errors.New("the index has no language, or no rate between 8000 and 48000")
	}
	if len(x.Clips) > maxClips {
		return 0, fmt.Errorf("%d clips, at most %d", len(x.Clips), maxClips)
	}
	seen := make(map[string]bool, len(x.Clips))
	for i, c := range x.Clips {
		switch {
		case c.Text == "" || c.Text != Key(c.Text) || len(c.Text) > maxTextBytes || !utf8.ValidString(c.Text):
			return 0, fmt.Errorf("clip %d: its text is empty, longer than 8 KiB or not in its plain form", i)
		case c.Bytes <= 0 || int64(c.Bytes) > MaxBytes:
			return 0, fmt.Errorf("clip %d has %d bytes", i, c.Bytes)
		case seen[c.Text]:
			return 0, fmt.Errorf("clip %d: its text stands twice", i)
		}
		seen[c.Text] = true
		size += int64(c.Bytes) // cannot overflow: 4096 clips of at most 64 MiB
	}
	return size, nil
}

// Texts are what the pack can speak.
func (x Index) Texts() map[string]bool {
	texts := make(map[string]bool, len(x.Clips))
	for _, c := range x.Clips {
		texts[c.Text] = true
	}
	return texts
}

// Key is the form in which a text names its clip: one blank between words, none
// around them. The page makes the same of what it shows.
func Key(text string) string { return strings.Join(strings.Fields(text), " ") }
