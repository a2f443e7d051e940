package markup

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A state says what a document consists of at a place.
type state int

const (
	inContent state = iota // between tags
	inText                 // within an element that has text only
	afterName              // in a tag, after a name or a quoted value: a blank or the tag's end follows
	inTag                  // in a tag, where a name may begin
	inValue                // within a double-quoted value
)

// A place is where in a document a piece of it ends. The zero place is between tags.
type place struct {
	state     state
	element   string // in a tag: its name, with the slash of an end tag; in text: the element's
	attribute string // in a value: its attribute's name
}

func (p place) String() string {
	switch p.state {
	case inText:
		return "in the text of " + p.element
	case afterName, inTag:
		return "in the tag " + p.element
	case inValue:
		return fmt.Sprintf("in the value of %s of the tag %s", p.attribute, p.element)
	}
	return "between tags"
}

// takesValue reports whether an escaped value is harmless at this place. Attributes
// are listed, not excluded: a browser learns new ones. Of those that a page names
// itself, data-..., the ones are excluded that sound like an address, a script or a
// style, which a script may hand on; html/template has the same list.
func (p place) takesValue() bool {
	switch p.state {
	case inContent, inText:
		return true
	case inValue:
		switch p.attribute {
		case "dir", "lang", "value":
			return true
		}
		own, ok := strings.CutPrefix(p.attribute, "data-")
		return ok && !strings.HasPrefix(own, "on") && !strings.Contains(own, "src") && !strings.Contains(own, "uri") && !strings.Contains(own, "url") &&
			!slices.Contains(delicate, own)
	}
	return false
}

// delicate are attributes that take an address or a style.
var delicate = []string{"action", "archive", "background", "cite", "classid", "codebase", "data", "formaction", "href", "icon", "longdesc", "manifest",
	"poster", "profile", "style", "usemap", "xmlns"}

const (
	doctype = "<!doctype html>"
	blanks  = " \t\n\r\f"
)

// after tells where a text ends that begins at p. The text is one piece of the
// template: a name that reaches its end is complete. Stricter than HTML, so that no
// browser can read it otherwise: see the errors.
func (p place) after(text string) (place, error) {
	for text != "" {
		var err error
		switch p.state {
		case inContent:
			p, text, err = openTag(text)
		case inText:
			p, text, err = p.closeText(text)
		case afterName:
			if !strings.ContainsRune(blanks+"/>", rune(text[0])) {
				return p, fmt.Errorf("a blank is missing %s before %.20q", p, text)
			}
			p.state = inTag
		case inTag:
			p, text, err = p.within(text)
		case inValue:
			_, rest, closed := strings.Cut(text, `"`)
			if text = rest; closed {
				p.state, p.attribute = afterName, ""
			}
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

// openTag goes from content to behind the next tag's name.
func openTag(text string) (place, string, error) {
	i := strings.IndexByte(text, '<')
	if i < 0 {
		return place{}, "", nil
	}
	text = text[i:]
	if len(text) >= len(doctype) && strings.EqualFold(text[:len(doctype)], doctype) {
		return place{}, text[len(doctype):], nil
	}
	slash := ""
	rest := text[1:]
	if strings.HasPrefix(rest, "/") {
		slash, rest = "/", rest[1:]
	}
	name, rest := takeName(rest)
	if name == "" || name[0] < 'a' {
		return place{}, "", fmt.Errorf("%.20q begins no tag; a sign is written &lt;", text)
	}
	switch name {
	case "style", "xmp", "iframe", "noembed", "noframes", "noscript", "plaintext":
		return place{}, "", fmt.Errorf("the element %s is not supported: its content is no markup", name)
	}
	return place{state: afterName, element: slash + name}, rest, nil
}

// within goes on in a tag: to its end, or to behind the next attribute's name.
func (p place) within(text string) (place, string, error) {
	if text = strings.TrimLeft(text, blanks+"/"); text == "" {
		return p, "", nil
	}
	if text[0] == '>' {
		return p.closeTag(text[1:])
	}
	name, rest := takeName(text)
	if name == "" {
		return p, "", fmt.Errorf("%.20q begins no attribute %s", text, p)
	}
	if value, ok := strings.CutPrefix(rest, `="`); ok {
		p.state, p.attribute = inValue, name
		return p, value, nil
	}
	p.state = afterName
	return p, rest, nil
}

// closeTag goes from a tag's end into what it begins.
func (p place) closeTag(text string) (place, string, error) {
	switch p.element {
	case "script":
		rest, ok := strings.CutPrefix(text, "</script>")
		if !ok {
			return p, "", errors.New("a script within the page is not supported; it belongs in a file")
		}
		return place{}, rest, nil
	case "title", "textarea":
		return place{state: inText, element: p.element}, text, nil
	}
	return place{}, text, nil
}

// closeText goes from an element's text to behind the element.
func (p place) closeText(text string) (place, string, error) {
	i := strings.IndexByte(text, '<')
	if i < 0 {
		return p, "", nil
	}
	rest, ok := strings.CutPrefix(text[i:], "</"+p.element+">")
	if !ok {
		return p, "", fmt.Errorf("%.20q ends no %s, which has text only", text[i:], p.element)
	}
	return place{}, rest, nil
}

// takeName cuts the name, in small letters, of an element or attribute off.
func takeName(text string) (name, rest string) {
	i := strings.IndexFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-')
	})
	if i < 0 {
		i = len(text)
	}
	return strings.ToLower(text[:i]), text[i:]
}
