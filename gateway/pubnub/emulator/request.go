package emulator

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxBody bounds a request body after inflating: room to answer 413 to what is
// over the 32 KiB rule, and no more.
const maxBody = 1 << 20

var errBodyTooLarge = errors.New("request body too large")

// request is one call, parsed from the raw path: lists are split before they are
// unescaped, so that an escaped comma or slash stays part of a name.
type request struct {
	ctx      context.Context
	method   string
	path     string // escaped, as on the wire
	uri      string // path and query, as on the wire
	header   http.Header
	query    map[string]string
	body     []byte
	uuid     string
	kind     Kind
	channels []string // channels or the object named in the path
	groups   []string
	args     map[string]string // escaped path segments by route name
	token    *token            // set once authorized by token
	fault    plan
}

func newRequest(r *http.Request) (*request, error) {
	q := &request{
		ctx:    r.Context(),
		method: r.Method,
		path:   r.URL.EscapedPath(),
		header: r.Header,
		query:  parseQuery(r.URL.RawQuery),
	}
	q.uri = q.path
	if r.URL.RawQuery != "" {
		q.uri += "?" + r.URL.RawQuery
	}
	q.uuid = q.query["uuid"]
	q.groups = splitPlain(q.query["channel-group"])
	var err error
	q.body, err = readBody(r)
	return q, err
}

// readBody inflates what a client compressed. JavaScript sends zlib under the
// name "deflate".
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	raw, err := readBounded(r.Body)
	if err != nil || len(raw) == 0 {
		return raw, err
	}
	var inflate io.Reader
	switch encoding := r.Header.Get("Content-Encoding"); encoding {
	case "", "identity":
		return raw, nil
	case "deflate":
		inflate, err = zlib.NewReader(bytes.NewReader(raw))
	case "gzip":
		inflate, err = gzip.NewReader(bytes.NewReader(raw))
	default:
		return raw, fmt.Errorf("unknown content encoding %q", encoding)
	}
	if err != nil {
		return raw, fmt.Errorf("cannot inflate body: %w", err)
	}
	body, err := readBounded(inflate)
	if err != nil {
		return raw, fmt.Errorf("cannot inflate body: %w", err)
	}
	return body, nil
}

func readBounded(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxBody+1))
	if len(b) > maxBody {
		return b[:maxBody], errBodyTooLarge
	}
	return b, err
}

// parseQuery keeps the last value of each name. The SDKs write a space as %20,
// so a plus stays a plus; what is not validly escaped is taken as it stands,
// because Go v7 sends some values raw.
func parseQuery(raw string) map[string]string {
	q := map[string]string{}
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		k, v, _ := strings.Cut(part, "=")
		q[unescape(k)] = unescape(v)
	}
	return q
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// splitList reads a list of names from one escaped path segment; a lone comma is
// the empty list.
func splitList(segment string) []string {
	var names []string
	for part := range strings.SplitSeq(segment, ",") {
		if part != "" {
			names = append(names, unescape(part))
		}
	}
	return names
}

// splitPlain reads a list from a query value, which is unescaped already.
func splitPlain(value string) []string {
	var names []string
	for part := range strings.SplitSeq(value, ",") {
		if part != "" {
			names = append(names, part)
		}
	}
	return names
}

// number reads a bounded integer parameter; absent or unreadable is def.
func (q *request) number(name string, def, least, most int) int {
	n, err := strconv.Atoi(q.query[name])
	if err != nil {
		return def
	}
	return min(max(n, least), most)
}

func (q *request) flag(name string) bool {
	v := q.query[name]
	return v == "1" || v == "true"
}

// Bounds and alphabet of names.
const (
	maxName      = 92       // characters of a channel, group or user id
	maxURI       = 32 << 10 // bytes of path and query
	maxPublish   = 32 << 10 // encoded channel and payload with the envelope
	envelopeSize = 100      // bytes the rule adds
	maxSignal    = 64       // bytes of a signal
	maxRecord    = 32 << 10 // bytes of a metadata record
	maxDots      = 2        // in a channel published to, with wildcards on
	maxOccupants = 1000     // per here-now call
	maxPage      = 100      // of history and metadata lists
	maxPageMany  = 25       // of history over several channels or with actions
	maxHistories = 500      // channels in one history call
	maxInGroup   = 2000     // channels in a group
)

// validName tells whether a channel, group or user id follows the documented
// rules: 1 to 92 characters, none of , : * / \ space and control.
func validName(name string) bool {
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxName {
		return false
	}
	for _, r := range name {
		if r <= ' ' || r == 0x7f || strings.ContainsRune(",:*/\\", r) {
			return false
		}
	}
	return true
}

// validSubscription also allows name.* and the presence suffix.
func validSubscription(name string) bool {
	name = strings.TrimSuffix(name, presenceSuffix)
	name = strings.TrimSuffix(name, ".*")
	return validName(name)
}

// encodedSize is the length after percent-encoding everything but letters,
// digits and - . _ ~.
func encodedSize[T string | []byte](s T) int {
	n := len(s)
	for i := range len(s) {
		if !unreserved(s[i]) && s[i] != '~' {
			n += 2
		}
	}
	return n
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_'
}
