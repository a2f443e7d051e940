package web

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"clinicgate/kiosk"
	"clinicgate/kiosk/web/door"
	"clinicgate/kiosk/web/speech"
)

// Phrase is a text of the page, and how a voice says it.
type Phrase struct {
	Text, Said string
	Tongue     kiosk.Tongue // if not zero, the text is this language's own name, and best said in it
}

const (
	shortNumbers = 59  // every number up to it has a clip: hours, minutes, steps, seconds
	longNumbers  = 180 // and by fives up to here: the minutes of a wait
	byFives      = 5
)

// Phrases lists what a pack of a language must hold so that the page and the board
// can say all that is their own: every sentence; what stands between the values
// of a sentence that has some; the language's name, and those of the languages that
// an interpreter may be asked for; digits, numbers, letters, and the months. Files in
// extra, if not nil, stand before the embedded ones.
func Phrases(tag string, extra fs.FS) ([]Phrase, error) {
	words, err := loadWords([]string{tag}, extra)
	if err != nil {
		return nil, err
	}
	return words[0].phrases(), nil
}

func (w Words) phrases() []Phrase {
	said := map[string]string{}
	add := func(text string) {
		for _, part := range placeholderForm.Split(text, -1) {
			if part = speech.Key(part); strings.IndexFunc(part, isSpoken) >= 0 {
				said[part] = part
			}
		}
	}
	add(w.Name)
	for _, text := range w.Text {
		add(text)
	}
	for _, forms := range w.Plural {
		for _, text := range forms {
			add(text)
		}
	}
	for n := range longNumbers + 1 {
		if n <= shortNumbers || n%byFives == 0 {
			add(strconv.Itoa(n))
		}
	}
	for letter := 'A'; letter <= 'Z'; letter++ {
		add(string(letter))
	}
	for _, row := range w.Rows {
		for _, letter := range row {
			add(string(letter))
		}
	}
	for text, how := range w.Spoken {
		said[speech.Key(text)] = speech.Key(how)
	}
	tongues := map[string]kiosk.Tongue{}
	for _, t := range kiosk.Tongues() {
		if name := speech.Key(t.Name); said[name] == "" {
			said[name], tongues[name] = name, t
		}
	}
	var all []Phrase
	for _, text := range slices.Sorted(maps.Keys(said)) {
		all = append(all, Phrase{text, said[text], tongues[text]})
	}
	return all
}

// isSpoken tells letters and digits from what a voice passes over.
func isSpoken(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// Voice is what the folder of packs has for one language.
type Voice struct {
	Language string
	Err      error // why there is no speech; fs.ErrNotExist: there is no pack; ErrMute: a useless one
	Missing  int   // texts of the page that the pack cannot say

	pack speech.Pack
}

// ErrMute means that a pack cannot even say that it leaves something out: it is of
// another version of the page, and a listener would take a part for the whole.
var ErrMute = errors.New("it cannot say what it leaves out, so it is of another version")

// Voices reads the packs of a folder, for each of the languages. Files in extra, if
// not nil, are texts before the embedded ones. It takes a tenth of a second for each.
func Voices(packs fs.FS, tags []string, extra fs.FS) ([]Voice, error) {
	words, err := loadWords(tags, extra)
	if err != nil {
		return nil, err
	}
	return voices(packs, words), nil
}

func voices(packs fs.FS, words []Words) []Voice {
	var all []Voice
	for _, w := range words {
		v := Voice{Language: w.Tag}
		if v.pack, v.Err = readPack(packs, w.Tag); v.Err == nil {
			has := v.pack.Texts()
			for _, remark := range []string{"speech.rest", "speech.private"} {
				if !has[speech.Key(w.Text[remark])] {
					v.Err = ErrMute
				}
			}
			for _, p := range w.phrases() {
				if !has[p.Text] {
					v.Missing++
				}
			}
		}
		all = append(all, v)
	}
	return all
}

func readPack(packs fs.FS, tag string) (speech.Pack, error) {
	f, err := packs.Open(tag + speech.Extension)
	if err != nil {
		return speech.Pack{}, fmt.Errorf("cannot open the speech pack: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return speech.Pack{}, fmt.Errorf("cannot read the speech pack: %w", err)
	}
	p, err := speech.Read(f, info.Size())
	if err == nil && p.Language != tag {
		err = fmt.Errorf("it speaks %q: %w", p.Language, speech.ErrPack)
	}
	return p, err
}

// loadVoices finds out in which languages the page can speak. It can do without.
func (s *Server) loadVoices(packs fs.FS) {
	if packs == nil {
		return
	}
	s.packs, s.voices = packs, map[string]speech.Pack{}
	for _, v := range voices(packs, s.words) {
		switch {
		case v.Err == nil:
			s.voices[v.Language] = v.pack
			if v.Missing > 0 {
				s.log.Warn("speech pack is of another version", "language", v.Language, "missing", v.Missing)
			}
		case !errors.Is(v.Err, fs.ErrNotExist):
			s.log.Warn("speech pack is not usable", "language", v.Language, "err", v.Err)
		}
	}
}

// Speaks lists the languages that the page can read aloud, in the order offered.
func (s *Server) Speaks() []string {
	var tags []string
	for _, w := range s.words {
		if _, ok := s.voices[w.Tag]; ok {
			tags = append(tags, w.Tag)
		}
	}
	return tags
}

// roomWords are what a sign may call a room, in any language of the page.
func (s *Server) roomWords() string {
	words := map[string]bool{}
	for _, w := range s.words {
		for _, part := range strings.Fields(placeholderForm.ReplaceAllString(w.Text["speech.room"], " ")) {
			words[strings.ToLower(part)] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(words)), " ")
}

func (s *Server) voiceRoutes() []door.Route {
	var rs []door.Route
	for _, tag := range s.Speaks() {
		rs = append(rs, door.Route{Path: "/speech/" + tag + speech.Extension, Method: http.MethodGet, Class: door.Asset, Serve: s.serveVoice(tag)})
	}
	return rs
}

// serveVoice sends a pack from its file: five languages in memory would outweigh
// the rest of the gateway.
func (s *Server) serveVoice(tag string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		f, err := s.packs.Open(tag + speech.Extension)
		if err != nil {
			door.Refuse(w, http.StatusNotFound)
			return
		}
		defer f.Close()
		size := s.voices[tag].Size
		if info, err := f.Stat(); err != nil || info.Size() != size {
			door.Refuse(w, http.StatusNotFound) // replaced since; the next start reads it
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		_, _ = io.CopyN(w, f, size)
	}
}
