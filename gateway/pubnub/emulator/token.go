package emulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Permission is a bit mask of what a token allows on a name.
type Permission uint8

// What a token can allow. The wire also knows 16 (create), which is unused.
const (
	MayRead   Permission = 1
	MayWrite  Permission = 2
	MayManage Permission = 4
	MayDelete Permission = 8
	MayGet    Permission = 32
	MayUpdate Permission = 64
	MayJoin   Permission = 128
)

const maxGrantTTL = 43_200 // minutes, 30 days

// Masks gives each name, or each pattern, a permission.
type Masks = map[string]Permission

// Grant is what a token says. Patterns are RE2 expressions, matched anywhere in
// a name unless anchored; capturing groups are refused.
type Grant struct {
	TTL    int       // minutes, 1 to 43,200
	Issued time.Time // default now; tests date back to expire soon
	UUID   string    // the only user who may use it; empty binds nobody

	Channels, Groups, UUIDs                      Masks
	ChannelPatterns, GroupPatterns, UUIDPatterns Masks

	Meta map[string]any // scalars
}

// grantError names the part of a grant that is wrong, as the service does.
type grantError struct{ message, location string }

func (g *grantError) Error() string { return g.message + " at " + g.location }

func (g Grant) check() error {
	if g.TTL < 1 || g.TTL > maxGrantTTL {
		return &grantError{"Invalid ttl", "ttl"}
	}
	for place, masks := range map[string]Masks{
		"resources.channels": g.Channels, "resources.groups": g.Groups, "resources.uuids": g.UUIDs,
		"patterns.channels": g.ChannelPatterns, "patterns.groups": g.GroupPatterns, "patterns.uuids": g.UUIDPatterns,
	} {
		for name, mask := range masks {
			at := "permissions." + place + "." + name
			if mask == 0 {
				return &grantError{"Invalid permissions", at}
			}
			if strings.HasPrefix(place, "patterns") {
				if _, err := compilePattern(name); err != nil {
					return &grantError{"Invalid RegExp", at}
				}
			}
		}
	}
	return nil
}

func compilePattern(text string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	if re.NumSubexp() > 0 {
		return nil, errors.New("capturing group in pattern")
	}
	return re, nil
}

// MintToken makes a token of this keyset, as its grant endpoint would.
func (e *Emulator) MintToken(g Grant) (string, error) {
	if err := g.check(); err != nil {
		return "", fmt.Errorf("cannot mint token: %w", err)
	}
	if g.Issued.IsZero() {
		g.Issued = e.opts.Now()
	}
	return encodeToken(g, e.opts.SecretKey), nil
}

// Revoke makes a token worthless at once; held polls that use it end with 403.
func (e *Emulator) Revoke(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.revoked) >= maxEntries {
		clear(e.revoked)
	}
	e.revoked[canonicalToken(text)] = struct{}{}
	close(e.access)
	e.access = make(chan struct{})
}

func canonicalToken(text string) string { return strings.TrimRight(text, "=") }

// encodeToken writes the CBOR map; structural keys are byte strings.
func encodeToken(g Grant, secret string) string {
	n := uint64(6)
	if g.UUID != "" {
		n++
	}
	b := appendHead(appendBytes(nil, "v"), cborUint, 2)
	b = appendInt(appendBytes(b, "t"), g.Issued.Unix())
	b = appendInt(appendBytes(b, "ttl"), int64(g.TTL))
	b = appendResources(appendBytes(b, "res"), g.Channels, g.Groups, g.UUIDs)
	b = appendResources(appendBytes(b, "pat"), g.ChannelPatterns, g.GroupPatterns, g.UUIDPatterns)
	b = appendHead(appendBytes(b, "meta"), cborMap, uint64(len(g.Meta)))
	for _, key := range sortedKeys(g.Meta) {
		b = appendScalar(appendText(b, key), g.Meta[key])
	}
	if g.UUID != "" {
		b = appendText(appendBytes(b, "uuid"), g.UUID)
	}
	b = appendSig(b, tokenMAC(secret, n, b))
	return base64.RawURLEncoding.EncodeToString(append(appendHead(nil, cborMap, n+1), b...))
}

func appendResources(b []byte, channels, groups, uuids Masks) []byte {
	b = appendHead(b, cborMap, 5)
	b = appendMasks(appendBytes(b, "chan"), channels)
	b = appendMasks(appendBytes(b, "grp"), groups)
	b = appendMasks(appendBytes(b, "uuid"), uuids)
	b = appendMasks(appendBytes(b, "usr"), nil)
	return appendMasks(appendBytes(b, "spc"), nil)
}

// tokenMAC signs the map of n pairs without its sig.
func tokenMAC(secret string, n uint64, pairs []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write(appendHead(nil, cborMap, n))
	h.Write(pairs)
	return h.Sum(nil)
}

// token is a parsed, authentic token. It is never changed.
type token struct {
	text     string
	expires  time.Time
	uuid     string
	names    map[string]Masks // by chan, grp, uuid
	patterns map[string][]pattern
}

type pattern struct {
	re   *regexp.Regexp
	mask Permission
}

var errToken = errors.New("invalid token")

// parseTokenText checks form and signature, not expiry. The signature comes last
// and everything around it has one form only, so that no token has a second
// spelling that escapes a revocation.
func parseTokenText(text, secret string) (*token, error) {
	text = canonicalToken(text)
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errToken, err)
	}
	const sigPair = 4 + 2 + sha256.Size // "sig" and its value, each with a head
	r := &cborReader{data: raw}
	major, n, err := r.head()
	if err != nil || major != cborMap || n == 0 || len(raw) < r.pos+sigPair || !bytes.HasPrefix(raw, appendHead(nil, cborMap, n)) {
		return nil, fmt.Errorf("%w: not a signed map", errToken)
	}
	pairs := raw[r.pos : len(raw)-sigPair]
	if !hmac.Equal(raw[len(raw)-sigPair:], appendSig(nil, tokenMAC(secret, n-1, pairs))) {
		return nil, fmt.Errorf("%w: signature does not match", errToken)
	}
	all := map[string]any{}
	r = &cborReader{data: pairs}
	for range n - 1 {
		if err := r.pair(all, 0); err != nil {
			return nil, fmt.Errorf("%w: %w", errToken, err)
		}
	}
	if r.pos != len(pairs) {
		return nil, fmt.Errorf("%w: bytes left over", errToken)
	}
	return newToken(text, all)
}

func appendSig(b, sum []byte) []byte {
	return appendBytes(appendBytes(b, "sig"), string(sum))
}

func newToken(text string, all map[string]any) (*token, error) {
	issued, ok := all["t"].(int64)
	ttl, ok2 := all["ttl"].(int64)
	if v, _ := all["v"].(int64); v != 2 || !ok || !ok2 || ttl < 0 || ttl > maxGrantTTL || issued < 0 || issued > 1<<40 {
		return nil, fmt.Errorf("%w: version or times", errToken)
	}
	t := &token{
		text: text, expires: time.Unix(issued+ttl*60, 0),
		names: map[string]Masks{}, patterns: map[string][]pattern{},
	}
	t.uuid, _ = all["uuid"].(string)
	res, _ := all["res"].(map[string]any)
	pat, _ := all["pat"].(map[string]any)
	for _, kind := range []string{"chan", "grp", "uuid"} {
		t.names[kind] = masks(res[kind])
		expressions := masks(pat[kind])
		for _, text := range sortedKeys(expressions) {
			re, err := compilePattern(text)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errToken, err)
			}
			t.patterns[kind] = append(t.patterns[kind], pattern{re, expressions[text]})
		}
	}
	return t, nil
}

func masks(v any) Masks {
	out := Masks{}
	in, _ := v.(map[string]any)
	for name, mask := range in {
		if n, ok := mask.(int64); ok {
			out[name] = Permission(n)
		}
	}
	return out
}

// allows tells whether the token has every bit of the mask on a name, from its
// own entry and all patterns that match.
func (t *token) allows(kind, name string, mask Permission) bool {
	have := t.names[kind][name]
	for _, p := range t.patterns[kind] {
		if p.re.MatchString(name) {
			have |= p.mask
		}
	}
	return have&mask == mask
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
