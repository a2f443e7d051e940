package wire

import (
	"bytes"
	"errors"
	"fmt"
)

var errNotCanonical = errors.New("not a canonical JSON object")

// member is one member of a canonical JSON object: its name without quotes, and
// where it stands in the text. value is text[valueAt:end]; start is the quote of
// the name.
type member struct {
	name    string
	start   int
	valueAt int
	end     int
}

// members lists the members of the canonical (RFC 8785) object text[at:], in
// order, and the offset behind its closing brace. Names must be plain ASCII
// without escapes, which every name in the vocabulary is; another name is kept
// as it stands between its quotes.
func members(text []byte, at int) ([]member, int, error) {
	if at >= len(text) || text[at] != '{' {
		return nil, 0, errNotCanonical
	}
	var out []member
	i := at + 1
	if i < len(text) && text[i] == '}' {
		return out, i + 1, nil
	}
	for {
		if i >= len(text) || text[i] != '"' {
			return nil, 0, errNotCanonical
		}
		nameEnd, err := skipString(text, i)
		if err != nil {
			return nil, 0, err
		}
		if nameEnd >= len(text) || text[nameEnd] != ':' {
			return nil, 0, errNotCanonical
		}
		end, err := skipValue(text, nameEnd+1)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, member{string(text[i+1 : nameEnd-1]), i, nameEnd + 1, end})
		if end >= len(text) {
			return nil, 0, errNotCanonical
		}
		switch text[end] {
		case '}':
			return out, end + 1, nil
		case ',':
			i = end + 1
		default:
			return nil, 0, errNotCanonical
		}
	}
}

// skipString returns the offset behind the string that begins at text[i].
func skipString(text []byte, i int) (int, error) {
	for j := i + 1; j < len(text); j++ {
		switch text[j] {
		case '\\':
			j++
		case '"':
			return j + 1, nil
		}
	}
	return 0, errNotCanonical
}

// skipValue returns the offset behind the JSON value that begins at text[i].
// It counts brackets without matching their kinds: the text has been through a
// JSON parser, or was made here.
func skipValue(text []byte, i int) (int, error) {
	if i >= len(text) {
		return 0, errNotCanonical
	}
	switch text[i] {
	case '"':
		return skipString(text, i)
	case '{', '[':
		depth := 0
		for j := i; j < len(text); j++ {
			switch text[j] {
			case '"':
				end, err := skipString(text, j)
				if err != nil {
					return 0, err
				}
				j = end - 1
			case '{', '[':
				depth++
			case '}', ']':
				depth--
				if depth == 0 {
					return j + 1, nil
				}
			}
		}
		return 0, errNotCanonical
	}
	j := i
	for j < len(text) && !bytes.ContainsRune([]byte(",}]"), rune(text[j])) {
		j++
	}
	if j == i {
		return 0, errNotCanonical
	}
	return j, nil
}

// insert appends to dst the canonical object body with the member name:value
// put where the order of names wants it. The body must not have the name yet.
func insert(dst, body []byte, name string, value []byte) ([]byte, error) {
	ms, end, err := members(body, 0)
	if err != nil {
		return nil, err
	}
	if end != len(body) {
		return nil, errNotCanonical
	}
	at := len(body) - 1
	for _, m := range ms {
		if m.name == name {
			return nil, fmt.Errorf("body already has a member %q", name)
		}
		if m.name > name {
			at = m.start
			break
		}
	}
	dst = append(dst, body[:at]...)
	if at == len(body)-1 && len(ms) > 0 {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	dst = append(dst, value...)
	if at < len(body)-1 {
		dst = append(dst, ',')
	}
	return append(dst, body[at:]...), nil
}

// without returns text with member m of a list of n members cut out, together
// with the comma that separated it.
func without(text []byte, ms []member, k int) []byte {
	from, to := ms[k].start, ms[k].end
	switch {
	case k+1 < len(ms):
		to = ms[k+1].start
	case k > 0:
		from = ms[k-1].end
	}
	out := make([]byte, 0, len(text))
	out = append(out, text[:from]...)
	return append(out, text[to:]...)
}

func find(ms []member, name string) int {
	for k, m := range ms {
		if m.name == name {
			return k
		}
	}
	return -1
}
