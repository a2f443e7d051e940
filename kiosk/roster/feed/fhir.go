package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	maxDepth     = 64 // of nested objects and arrays
	maxResources = 60_000
	maxResource  = 256 << 10 // bytes
)

// The parts of FHIR R4 resources that a list needs. Times and codes are texts
// here, so that one that is wrong costs its row and no other.
type (
	resource struct {
		ResourceType string       `json:"resourceType"`
		ID           string       `json:"id"`
		Identifier   []identifier `json:"identifier"`
		Contained    []resource   `json:"contained"`

		// Appointment
		Status          string        `json:"status"`
		Start           string        `json:"start"`
		AppointmentType concept       `json:"appointmentType"`
		ServiceType     []concept     `json:"serviceType"`
		Specialty       []concept     `json:"specialty"`
		Participant     []participant `json:"participant"`

		// Patient. Practitioner and others have one name, or a list: see labels.
		Name          json.RawMessage `json:"name"`
		BirthDate     string          `json:"birthDate"`
		Telecom       []contactPoint  `json:"telecom"`
		Communication json.RawMessage `json:"communication"`
	}
	identifier struct {
		Use    string `json:"use"`
		System string `json:"system"`
		Value  string `json:"value"`
	}
	concept struct {
		Text   string   `json:"text"`
		Coding []coding `json:"coding"`
	}
	coding struct {
		Code    string `json:"code"`
		Display string `json:"display"`
	}
	reference struct {
		Reference  string     `json:"reference"`
		Type       string     `json:"type"`
		Display    string     `json:"display"`
		Identifier identifier `json:"identifier"`
	}
	participant struct {
		Actor  reference `json:"actor"`
		Status string    `json:"status"`
	}
	humanName struct {
		Use       string   `json:"use"`
		Text      string   `json:"text"`
		Family    string   `json:"family"`
		Given     []string `json:"given"`
		Extension []struct {
			URL       string `json:"url"`
			ValueCode string `json:"valueCode"`
		} `json:"extension"`
	}
	contactPoint struct {
		System string `json:"system"`
		Value  string `json:"value"`
		Use    string `json:"use"`
	}
	communication struct {
		Language  concept `json:"language"`
		Preferred bool    `json:"preferred"`
	}
)

// filed is a resource and where it stands.
type filed struct {
	resource
	line    int
	at      string // "entry[3] " in a Bundle, "" elsewhere
	fullURL string
}

var errCut = errors.New("roster ends in the middle of a resource")

func (b *builder) readFHIR(data []byte) error {
	text, cut, err := decode(data, UTF8)
	if err != nil {
		return errors.New("roster is not UTF-8, as FHIR must be")
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return errEmpty
	}
	list, err := b.resources(text)
	if errors.Is(err, errCut) || cut {
		b.list.Ending = Cut
	}
	if err != nil {
		return err
	}
	f := newFolder(list)
	for i := range list {
		if list[i].ResourceType == "Appointment" && !b.full() {
			b.appointment(&list[i], f)
		}
	}
	return nil
}

// resources gives those of a Bundle, or those that stand one after the other.
func (b *builder) resources(text []byte) ([]filed, error) {
	if isLines(text) {
		return b.ndjson(text)
	}
	if err := checkDepth(text); err != nil {
		return nil, err
	}
	in := json.NewDecoder(bytes.NewReader(text))
	var whole json.RawMessage
	switch err := in.Decode(&whole); {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, errCut
	case err != nil:
		return nil, fmt.Errorf("roster is no JSON in line %d", lineAt(text, int(in.InputOffset())))
	case len(bytes.TrimSpace(text[in.InputOffset():])) > 0:
		return nil, errors.New("roster has something behind its end")
	}
	line := lineAt(text, int(in.InputOffset())-len(whole))
	var head struct {
		ResourceType string `json:"resourceType"`
	}
	if err := json.Unmarshal(whole, &head); err != nil {
		return nil, errors.New("roster holds no FHIR resource")
	}
	if head.ResourceType == "Bundle" {
		return b.bundle(whole, line)
	}
	f := filed{line: line}
	if reason := f.decode(whole); reason != "" {
		b.refuse(line, "", reason)
		return nil, nil
	}
	return []filed{f}, nil
}

// isLines tells one resource a line from JSON that is broken into lines to be
// read. A first line that is damaged leaves the others readable.
func isLines(text []byte) bool {
	first, rest, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	first, rest = bytes.TrimSpace(first), bytes.TrimSpace(rest)
	return len(rest) > 0 && rest[0] == '{' && (json.Valid(first) || !bytes.HasSuffix(first, []byte("[")) && !bytes.HasSuffix(first, []byte(",")))
}

// lineAt gives the line of a byte.
func lineAt(text []byte, at int) int {
	return 1 + bytes.Count(text[:min(at, len(text))], []byte("\n"))
}

// checkDepth bounds nesting before anything is decoded.
func checkDepth(text []byte) error {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return fmt.Errorf("roster nests more than %d levels", maxDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}

// ndjson reads one resource a line. A line that cannot be read costs its row only.
func (b *builder) ndjson(text []byte) ([]filed, error) {
	var list []filed
	line := 0
	for raw := range bytes.Lines(text) {
		line++
		trimmed := bytes.TrimSpace(raw)
		if len(trimmed) == 0 {
			continue
		}
		f := filed{line: line}
		if reason := f.decode(trimmed); reason != "" {
			if !endsLine(raw) && !json.Valid(trimmed) {
				b.list.Ending, reason = Cut, "is half-written"
			}
			if b.refuse(line, "", reason); b.full() {
				return nil, b.err
			}
			continue
		}
		if f.ResourceType == "Bundle" {
			return nil, errors.New("roster has a Bundle among its lines")
		}
		if list = append(list, f); len(list) > maxResources {
			return nil, fmt.Errorf("roster has more than %d resources", maxResources)
		}
	}
	return list, nil
}

func (f *filed) decode(raw []byte) (reason string) {
	if len(raw) > maxResource {
		return "is larger than 256 KiB"
	}
	if checkDepth(raw) != nil {
		return "nests more than 64 levels"
	}
	var wrong *json.UnmarshalTypeError
	switch err := json.Unmarshal(raw, &f.resource); {
	case errors.As(err, &wrong):
		return "has an element of another type than FHIR R4 says"
	case err != nil:
		return "is no JSON"
	case f.ResourceType == "":
		return "is no FHIR resource"
	}
	return ""
}

// bundle reads the entries of a Bundle, of which line is the first.
func (b *builder) bundle(text []byte, line int) ([]filed, error) {
	var meta struct {
		Type  string            `json:"type"`
		Entry []json.RawMessage `json:"entry"`
		Link  []struct {
			Relation string `json:"relation"`
		} `json:"link"`
	}
	if err := json.Unmarshal(text, &meta); err != nil {
		return nil, errors.New("roster holds no Bundle of FHIR R4")
	}
	if meta.Type == "history" {
		return nil, errors.New("roster is a history of resources: export their present state")
	}
	for _, l := range meta.Link {
		if l.Relation == "next" {
			return nil, errors.New("roster is one page of a longer answer: export all pages as one")
		}
	}
	if len(meta.Entry) > maxResources {
		return nil, fmt.Errorf("roster has more than %d resources", maxResources)
	}
	var list []filed
	at := 0
	for i, raw := range meta.Entry {
		// Entries are unchanged pieces of the text, one behind the other.
		if n := bytes.Index(text[at:], raw); n >= 0 {
			line += bytes.Count(text[at:at+n], []byte("\n"))
			at += n
		}
		var entry struct {
			FullURL  string          `json:"fullUrl"`
			Resource json.RawMessage `json:"resource"`
		}
		f := filed{line: line, at: fmt.Sprintf("entry[%d] ", i+1)}
		reason := "is no entry of a Bundle"
		if err := json.Unmarshal(raw, &entry); err == nil {
			if len(entry.Resource) == 0 {
				continue
			}
			f.fullURL, reason = entry.FullURL, f.decode(entry.Resource)
		}
		line += bytes.Count(raw, []byte("\n"))
		at += len(raw)
		if reason == "" {
			list = append(list, f)
		} else if b.refuse(f.line, strings.TrimSpace(f.at), reason); b.full() {
			return nil, b.err
		}
	}
	return list, nil
}

// folder finds resources by what references call them.
type folder struct {
	byURL map[string]*filed // fullUrl, and Type/id where nothing else is said
	byID  map[string]*filed // Type|system|value
}

func newFolder(list []filed) folder {
	f := folder{map[string]*filed{}, map[string]*filed{}}
	for i := range list {
		r := &list[i]
		if r.ID != "" {
			f.byURL[r.ResourceType+"/"+r.ID] = r
		}
		for _, id := range r.Identifier {
			f.byID[r.ResourceType+"|"+id.System+"|"+id.Value] = r
		}
	}
	for i := range list {
		if url := list[i].fullURL; url != "" {
			f.byURL[url] = &list[i]
		}
	}
	return f
}

// find gives what a reference in r means, nil where it is not in the file. A
// reference may be contained (#p1), relative (Patient/1), absolute, a UUID of
// the Bundle, or logical (an identifier).
func (f folder) find(r *filed, ref reference) *filed {
	url, _, _ := strings.Cut(ref.Reference, "/_history/")
	if name, contained := strings.CutPrefix(url, "#"); contained {
		for i := range r.Contained {
			if r.Contained[i].ID == name {
				return &filed{resource: r.Contained[i], line: r.line, at: r.at}
			}
		}
		return nil
	}
	if url == "" {
		if ref.Identifier.Value == "" {
			return nil
		}
		return f.byID[kindOf(ref)+"|"+ref.Identifier.System+"|"+ref.Identifier.Value]
	}
	if strings.Contains(url, ":") { // absolute
		if found := f.byURL[url]; found != nil {
			return found
		}
		// Lines have no URLs of their own; entries of a Bundle do, and then this is
		// the resource of another server.
		if found := f.byURL[tail(url)]; found != nil && !strings.HasPrefix(found.fullURL, "http") {
			return found
		}
		return nil
	}
	// A relative one is of the server that its own resource is from.
	if base, ok := strings.CutSuffix(r.fullURL, tail(r.fullURL)); ok && strings.HasPrefix(base, "http") {
		if found := f.byURL[base+url]; found != nil {
			return found
		}
	}
	return f.byURL[url]
}

// tail gives Type/id of a URL.
func tail(url string) string {
	parts := strings.Split(url, "/")
	if len(parts) < 2 {
		return url
	}
	return strings.Join(parts[len(parts)-2:], "/")
}

// kindOf gives the type of resource that a reference means, "" where it does not
// tell.
func kindOf(ref reference) string {
	if ref.Type != "" {
		return ref.Type
	}
	url, _, _ := strings.Cut(ref.Reference, "/_history/")
	kind, _, _ := strings.Cut(tail(url), "/")
	return kind
}
