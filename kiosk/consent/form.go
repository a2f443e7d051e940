package consent

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"clinicgate/kiosk"

	"github.com/pelletier/go-toml/v2"
)

//go:embed forms/*.txt
var embedded embed.FS

// Basis is the legal ground that a form stands on.
type Basis string

const (
	TreatmentConsent  Basis = "treatment-consent"
	Authorization     Basis = "authorization-164.508"
	StateTelehealth   Basis = "state-telehealth"
	RecordingConsent  Basis = "recording"
	NPPAcknowledgment Basis = "npp-acknowledgement"
)

// required lists, by basis, what the text of a form must state. Those of an
// authorization are 45 CFR 164.508(c); signature and date are in the record. The
// others are what a patient must know to decide.
var required = map[Basis][]string{
	TreatmentConsent: {"refusal"},
	Authorization: {"information", "discloser", "recipient", "purpose", "expiry",
		"revocation", "conditioning", "redisclosure"},
	StateTelehealth:   {"limits", "refusal"},
	RecordingConsent:  {"purpose", "refusal"},
	NPPAcknowledgment: {},
}

func (b Basis) valid() bool { _, ok := required[b]; return ok }

// Form is one consent form in one language.
type Form struct {
	ID       string // the same in all languages
	Type     kiosk.ConsentType
	Version  string // the same in all languages
	Basis    Basis
	Scope    string // what it covers, as in "clinic"
	Language string
	Title    string
	Text     string        // paragraphs, an empty line between them
	Valid    time.Duration // how long a grant lasts; 0: no end
	MinAge   int           // years from which a patient signs alone; 0: at any age
	Modes    []kiosk.Mode  // visits that it is shown for

	// Signature is how a grant is signed; Typed also stands in for Drawn. It is not in
	// SHA256, which is of what is shown: each record says how it was signed.
	Signature Method

	// Reviewer is who vouches for the text in this language, and Reviewed the date
	// of it, as 2006-01-02; both empty when nobody has yet.
	Reviewer, Reviewed string

	SHA256 string // hex, of Title, two line feeds, Text: exactly what is shown
}

// Forms are the forms of a clinic.
type Forms struct {
	list []Form // by id, then language
}

const (
	maxForms      = 200
	maxFormSize   = 32 << 10
	defaultMinAge = 18 // the age of majority of most places
	maxMinAge     = 25
)

// EmbeddedForms gives the forms that come with the product: data-sharing and
// telehealth, in English and Spanish. A clinic replaces them with its own.
func EmbeddedForms() *Forms {
	sub, err := fs.Sub(embedded, "forms")
	if err == nil {
		var f *Forms
		if f, err = LoadForms(sub); err == nil {
			return f
		}
	}
	panic(fmt.Sprintf("embedded consent forms: %v", err)) // they are checked by a test
}

// LoadForms reads every *.txt file of a directory. A file is TOML between two
// lines "+++", then the text:
//
//	+++
//	id = "data-sharing"          # the same in all languages
//	type = "data-sharing"        # or "telehealth", "recording"
//	version = "2026-01"          # a new version makes earlier grants stale
//	basis = "treatment-consent"  # or "authorization-164.508", "state-telehealth", ...
//	language = "en"
//	title = "Sharing your information"
//	scope = "clinic"
//	valid_days = 365             # 0 or absent: until revoked
//	min_age = 18                 # years from which a patient signs alone; absent: 18
//	modes = ["in-person", "video"]
//	signature = "typed"          # or "drawn", or "tapped": a tap is enough; absent: tapped
//	reviewer = "M. Ortega, interpreter"   # who vouches for the text in this language
//	reviewed = 2026-01-15
//	[elements]                   # where the text states what the basis requires
//	refusal = "You can say no."  # a passage of the text, word for word
//	+++
//	We share ...
//
// It reports every problem of every file.
func LoadForms(dir fs.FS) (*Forms, error) {
	names, err := fs.Glob(dir, "*.txt")
	if err != nil {
		return nil, fmt.Errorf("cannot list consent forms: %w", err)
	}
	if len(names) > maxForms {
		return nil, fmt.Errorf("%d consent forms, at most %d", len(names), maxForms)
	}
	f := new(Forms)
	var errs []error
	for _, name := range names {
		data, err := readBounded(dir, name)
		if err == nil {
			var form Form
			if form, err = ParseForm(data); err == nil {
				err = f.add(form)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("consent form %s: %w", path.Base(name), err))
		}
	}
	slices.SortFunc(f.list, func(a, b Form) int {
		return strings.Compare(a.ID+"\x00"+a.Language, b.ID+"\x00"+b.Language)
	})
	return f, errors.Join(errs...)
}

func readBounded(dir fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(dir, name)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFormSize {
		return nil, fmt.Errorf("has %d bytes, at most %d", info.Size(), maxFormSize)
	}
	return fs.ReadFile(dir, name)
}

func (f *Forms) add(form Form) error {
	for _, o := range f.list {
		if o.ID != form.ID && o.Type == form.Type {
			// The newest record of a type counts: an answer to one would stand for the other.
			return fmt.Errorf("%q and %q are both of type %q: one form for each type", o.ID, form.ID, form.Type)
		}
		if o.ID != form.ID {
			continue
		}
		if o.Language == form.Language {
			return fmt.Errorf("%q stands twice in %q", form.ID, form.Language)
		}
		if o.Version != form.Version || o.Type != form.Type || o.Basis != form.Basis || o.Scope != form.Scope || o.Valid != form.Valid || o.MinAge != form.MinAge || o.Signature != form.Signature || !slices.Equal(o.Modes, form.Modes) {
			return fmt.Errorf("%q differs from its other languages in more than title and text", form.ID)
		}
	}
	f.list = append(f.list, form)
	return nil
}

// ParseForm reads one file; see LoadForms.
func ParseForm(data []byte) (Form, error) {
	data = bytes.ReplaceAll(bytes.TrimPrefix(data, []byte("\ufeff")), []byte("\r\n"), []byte("\n"))
	head, ok := bytes.CutPrefix(data, []byte("+++\n"))
	head, text, closed := bytes.Cut(head, []byte("\n+++\n"))
	if !ok || !closed {
		return Form{}, errors.New("does not begin with a head between two lines +++")
	}
	var h struct {
		ID        string            `toml:"id"`
		Type      kiosk.ConsentType `toml:"type"`
		Version   string            `toml:"version"`
		Basis     Basis             `toml:"basis"`
		Language  string            `toml:"language"`
		Title     string            `toml:"title"`
		Scope     string            `toml:"scope"`
		ValidDays int               `toml:"valid_days"`
		MinAge    *int              `toml:"min_age"`
		Modes     []kiosk.Mode      `toml:"modes"`
		Signature *Method           `toml:"signature"`
		Reviewer  string            `toml:"reviewer"`
		Reviewed  *toml.LocalDate   `toml:"reviewed"`
		Elements  map[string]string `toml:"elements"`
	}
	if err := toml.NewDecoder(bytes.NewReader(head)).DisallowUnknownFields().Decode(&h); err != nil {
		return Form{}, fmt.Errorf("head: %w", err)
	}
	form := Form{ID: h.ID, Type: h.Type, Version: h.Version, Basis: h.Basis, Scope: h.Scope, Language: h.Language,
		Title: strings.TrimSpace(h.Title), Text: strings.TrimSpace(string(text)), Valid: time.Duration(h.ValidDays) * 24 * time.Hour, MinAge: defaultMinAge, Modes: h.Modes, Signature: Tapped}
	if h.MinAge != nil {
		form.MinAge = *h.MinAge
	}
	if h.Signature != nil {
		form.Signature = *h.Signature
	}
	checks := []struct {
		ok   bool
		want string
	}{
		{kiosk.DepartmentID(h.ID).Validate() == nil, "id: 1 to 40 of A-Z a-z 0-9 _ -"},
		{h.Type.Valid(), "type: telehealth, data-sharing or recording"},
		{h.Version != "" && len(h.Version) <= 40, "version: 1 to 40 bytes"},
		{h.Basis.valid(), "basis: treatment-consent, authorization-164.508, state-telehealth, recording or npp-acknowledgement"},
		{h.Scope != "" && len(h.Scope) <= 40, "scope: 1 to 40 bytes"},
		{h.Language != "" && len(h.Language) <= 40, "language: a tag such as en"},
		{form.Title != "", "title"},
		{form.Text != "", "text after the head"},
		{(h.Reviewer == "") == (h.Reviewed == nil) && len(h.Reviewer) <= 100, "reviewer and reviewed together, or neither"},
		{h.ValidDays >= 0 && h.ValidDays <= 36500, "valid_days: 0 to 36500"},
		{form.MinAge >= 0 && form.MinAge <= maxMinAge, "min_age: 0 to 25"},
		{len(h.Modes) > 0 && !slices.ContainsFunc(h.Modes, func(m kiosk.Mode) bool { return !m.Valid() }), "modes: in-person, video"},
		{form.Signature.valid(), "signature: tapped, typed or drawn"},
	}
	var errs []error
	for _, c := range checks {
		if !c.ok {
			errs = append(errs, errors.New("want "+c.want))
		}
	}
	for _, element := range required[h.Basis] {
		switch passage := strings.TrimSpace(h.Elements[element]); {
		case passage == "":
			errs = append(errs, fmt.Errorf("basis %s requires the text to state its %s: name the passage under [elements]", h.Basis, element))
		case !strings.Contains(form.Text, passage):
			errs = append(errs, fmt.Errorf("elements.%s is no passage of the text", element))
		}
	}
	if h.Reviewed != nil {
		form.Reviewed = h.Reviewed.String()
	}
	form.Reviewer = h.Reviewer
	sum := sha256.Sum256([]byte(form.Title + "\n\n" + form.Text))
	form.SHA256 = hex.EncodeToString(sum[:])
	return form, errors.Join(errs...)
}

// Notes say what a clinic should know of its forms before a patient meets them:
// languages of the page in which nothing can be signed, and texts that nobody has
// vouched for.
func (f *Forms) Notes(languages []string) (notes []string) {
	for _, language := range languages {
		for _, mode := range []kiosk.Mode{kiosk.InPerson, kiosk.Video} {
			if _, ok := f.For(mode, language); !ok {
				notes = append(notes, fmt.Sprintf("not every form of a visit %s is there in %s: those patients sign at the desk", modeWords[mode], language))
			}
		}
	}
	for _, form := range f.list {
		if form.Reviewer == "" {
			notes = append(notes, fmt.Sprintf("form %s in %s: nobody has vouched for its text (reviewer, reviewed)", form.ID, form.Language))
		}
	}
	return notes
}

var modeWords = map[kiosk.Mode]string{kiosk.InPerson: "in person", kiosk.Video: "by video"}

// For gives the forms that a visit needs, in the patient's language. When one of
// them is missing in that language none is given and ok is false: nothing is
// signed, the desk helps. A clinic that has no form for the mode gets none and
// ok.
func (f *Forms) For(mode kiosk.Mode, language string) (forms []Form, ok bool) {
	var needed []string
	for _, form := range f.list {
		if !slices.Contains(form.Modes, mode) {
			continue
		}
		if !slices.Contains(needed, form.ID) {
			needed = append(needed, form.ID)
		}
	}
	for _, id := range needed {
		form, ok := f.in(id, language)
		if !ok {
			return nil, false
		}
		forms = append(forms, form)
	}
	return forms, true
}

// Types lists what the forms of a mode are about.
func (f *Forms) Types(mode kiosk.Mode) (types []kiosk.ConsentType) {
	for _, form := range f.list {
		if slices.Contains(form.Modes, mode) && !slices.Contains(types, form.Type) {
			types = append(types, form.Type)
		}
	}
	return types
}

// in finds a form in a language, else in the language without its region.
func (f *Forms) in(id, language string) (Form, bool) {
	for {
		i := slices.IndexFunc(f.list, func(o Form) bool { return o.ID == id && strings.EqualFold(o.Language, language) })
		if i >= 0 {
			return f.list[i], true
		}
		cut := strings.LastIndexByte(language, '-')
		if cut < 0 {
			return Form{}, false
		}
		language = language[:cut]
	}
}

// current reports whether a record's form is the one on file now. A form that
// is not on file any more says nothing about an older grant.
func (f *Forms) current(formID, version string) bool {
	for _, o := range f.list {
		if o.ID == formID {
			return o.Version == version
		}
	}
	return true
}

// Languages lists the languages in which every form of a mode is on file.
func (f *Forms) Languages(mode kiosk.Mode) []string {
	var list []string
	for _, form := range f.list {
		if _, ok := f.For(mode, form.Language); ok && !slices.Contains(list, form.Language) {
			list = append(list, form.Language)
		}
	}
	slices.Sort(list)
	return list
}
