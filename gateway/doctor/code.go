package doctor

import (
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A support code says over the phone what a run found. Its bytes:
//
//	form(1)=1 | version(3) | how many are wrong(1) | number of a check, | SHA-256 of
//	                                                 +0x80 where it fails    all before,
//	                                                 (1 each, 12 at most)     first 2 bytes
//
// in base32 with Crockford's alphabet, in groups of four. Numbers are those of
// [Catalogue], the worst cause first.
const (
	codeForm   = 1
	codeChecks = 12
	codeFails  = 0x80
)

var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// Code is what a support code says.
type Code struct {
	Version string      `json:"version"` // the release, or a hash of what the build calls itself
	Wrong   int         `json:"wrong"`   // causes, also those that there was no room for
	Causes  []CodeCause `json:"causes"`
}

// CodeCause is one cause of a support code.
type CodeCause struct {
	State State `json:"state"`
	Topic
}

// SupportCode writes what a run found.
func SupportCode(version string, reports []Report) string {
	roots := Roots(reports)
	v := versionBytes(version)
	data := append([]byte{codeForm}, v[:]...)
	data = append(data, byte(min(len(roots), 255)))
	for _, r := range roots {
		n := numberOf(r.ID)
		if n < 0 || len(data) >= 5+codeChecks {
			continue
		}
		if r.State == Fail {
			n |= codeFails
		}
		data = append(data, byte(n))
	}
	sum := sha256.Sum256(data)
	text := crockford.EncodeToString(append(data, sum[:2]...))
	var groups []string
	for ; len(text) > 4; text = text[4:] {
		groups = append(groups, text[:4])
	}
	return strings.Join(append(groups, text), "-")
}

var (
	errCode = errors.New("this is no support code, or a character of it is wrong")
	// spoken undoes what people write for what they hear or read.
	spoken  = strings.NewReplacer("-", "", " ", "", "O", "0", "I", "1", "L", "1")
	release = regexp.MustCompile(`^v(\d{1,2})\.(\d{1,3})\.(\d{1,3})$`)
)

// ParseCode reads a support code, as it was spoken.
func ParseCode(text string) (Code, error) {
	text = spoken.Replace(strings.ToUpper(strings.TrimSpace(text)))
	if len(text) > 64 {
		return Code{}, errCode
	}
	data, err := crockford.DecodeString(text)
	if err != nil || len(data) < 7 || data[0] != codeForm || len(data) > 7+codeChecks || crockford.EncodeToString(data) != text {
		return Code{}, errCode
	}
	body, end := data[:len(data)-2], data[len(data)-2:]
	if sum := sha256.Sum256(body); sum[0] != end[0] || sum[1] != end[1] {
		return Code{}, errCode
	}
	c := Code{Version: versionText([3]byte(body[1:4])), Wrong: int(body[4]), Causes: []CodeCause{}}
	for _, b := range body[5:] {
		cause := CodeCause{State: Warn, Topic: Topic{ID: "check-" + strconv.Itoa(int(b&^codeFails)), Does: "is a check of a newer version", Next: "explain it with that version"}}
		if b&codeFails != 0 {
			cause.State = Fail
		}
		if n := int(b &^ codeFails); n < len(catalogue) {
			cause.Topic = catalogue[n]
		}
		c.Causes = append(c.Causes, cause)
	}
	return c, nil
}

// versionBytes packs v0.0.0 to v63.511.255 with a leading 0 bit; any other version
// is a hash with a leading 1.
func versionBytes(version string) [3]byte {
	if m := release.FindStringSubmatch(version); m != nil {
		major, _ := strconv.Atoi(m[1])
		minor, _ := strconv.Atoi(m[2])
		patch, _ := strconv.Atoi(m[3])
		if major < 64 && minor < 512 && patch < 256 {
			n := major<<17 | minor<<8 | patch
			return [3]byte{byte(n >> 16), byte(n >> 8), byte(n)}
		}
	}
	sum := sha256.Sum256([]byte(version))
	return [3]byte{sum[0] | 0x80, sum[1], sum[2]}
}

func versionText(b [3]byte) string {
	if b[0]&0x80 != 0 {
		return fmt.Sprintf("build %02x%02x%02x", b[0], b[1], b[2])
	}
	n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
	return fmt.Sprintf("v%d.%d.%d", n>>17, n>>8&511, n&255)
}

// VersionName is what a support code of this version says about it, so that a
// build can be compared with a code.
func VersionName(version string) string { return versionText(versionBytes(version)) }
