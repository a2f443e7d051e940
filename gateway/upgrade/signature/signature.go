package signature

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"golang.org/x/crypto/blake2b"
)

// Suffix follows the name of the signed file.
const Suffix = ".minisig"

// A Release is what a signature says about its file.
type Release struct {
	File    string // its name, without a folder
	Version string // "1.4.0"
	Target  string // "linux/amd64", "linux/arm64", "linux/arm", "windows/amd64"; "" for a file of no target
	Store   int    // the newest format of the store that it writes; 0 where it says none
}

// ErrUnknownKey means that none of the keys given made the signature.
var ErrUnknownKey = errors.New("signed by a key that is not known here")

// ErrForged means that a signature does not fit the file or its own comment.
var ErrForged = errors.New("the signature does not fit: the file was changed, or is not the one that was signed")

func (r Release) comment() (string, error) {
	words := []string{"clinicgate", "file:" + r.File, "version:" + r.Version}
	if r.Target != "" {
		words = append(words, "target:"+r.Target)
	}
	if r.Store != 0 {
		words = append(words, "store:"+strconv.Itoa(r.Store))
	}
	for _, w := range words {
		if strings.ContainsAny(w, " \t\r\n\x00") {
			return "", fmt.Errorf("%q cannot be signed: it has a blank", w)
		}
	}
	if r.File == "" || r.Version == "" {
		return "", errors.New("a release has a file's name and a version")
	}
	return strings.Join(words, " "), nil
}

func parseComment(text string) (r Release, err error) {
	words := strings.Fields(text)
	if len(words) == 0 || words[0] != "clinicgate" {
		return r, errors.New("it was signed as something else than a release of clinicgate")
	}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, ":")
		switch key {
		case "file":
			r.File = value
		case "version":
			r.Version = value
		case "target":
			r.Target = value
		case "store":
			if r.Store, err = strconv.Atoi(value); err != nil || r.Store < 1 {
				return Release{}, errors.New("its store format is not a number")
			}
		}
	}
	if r.File == "" || r.Version == "" {
		return Release{}, errors.New("it says no version, or of which file")
	}
	return r, nil
}

// Sign reads a file to its end and gives the text of its signature.
func (p Private) Sign(file io.Reader, about Release) (string, error) {
	comment, err := about.comment()
	if err != nil {
		return "", err
	}
	sum, err := sumOf(file)
	if err != nil {
		return "", err
	}
	made := ed25519.Sign(p.key, sum)
	all := ed25519.Sign(p.key, append(append([]byte{}, made...), comment...))
	blob := append(append([]byte("ED"), p.id[:]...), made...)
	return fmt.Sprintf("untrusted comment: signature of clinicgate\n%s\ntrusted comment: %s\n%s\n",
		base64.StdEncoding.EncodeToString(blob), comment, base64.StdEncoding.EncodeToString(all)), nil
}

// Verify reads a file to its end and gives what its signature says of it, if one
// of the keys made it. Whoever calls compares version and target with what is
// wanted.
func Verify(file io.Reader, text string, keys ...Public) (Release, error) {
	blob, comment, all, err := split(text)
	if err != nil {
		return Release{}, fmt.Errorf("signature: %w", err)
	}
	sum, err := sumOf(file)
	if err != nil {
		return Release{}, err
	}
	for _, k := range keys {
		if k.id != [8]byte(blob[2:10]) {
			continue
		}
		if !ed25519.Verify(k.key, sum, blob[10:]) || !ed25519.Verify(k.key, append(append([]byte{}, blob[10:]...), comment...), all) {
			return Release{}, ErrForged
		}
		about, err := parseComment(comment)
		if err != nil {
			return Release{}, fmt.Errorf("signature: %w", err)
		}
		return about, nil
	}
	return Release{}, ErrUnknownKey
}

func split(text string) (blob []byte, comment string, all []byte, err error) {
	if len(text) > limit {
		return nil, "", nil, errors.New("it is longer than 4 KiB")
	}
	lines := strings.Split(strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "untrusted comment:") {
		return nil, "", nil, errors.New("it is not one of minisign's")
	}
	comment, ok := strings.CutPrefix(lines[2], "trusted comment: ")
	if !ok {
		return nil, "", nil, errors.New("it has no trusted comment")
	}
	if blob, err = base64.StdEncoding.DecodeString(lines[1]); err != nil {
		return nil, "", nil, err
	}
	if all, err = base64.StdEncoding.DecodeString(lines[3]); err != nil {
		return nil, "", nil, err
	}
	if len(blob) != 2+8+ed25519.SignatureSize || string(blob[:2]) != "ED" || len(all) != ed25519.SignatureSize {
		return nil, "", nil, errors.New("it is not of minisign's prehashed form")
	}
	return blob, comment, all, nil
}

func sumOf(file io.Reader) ([]byte, error) {
	var h hash.Hash
	h, err := blake2b.New512(nil)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(h, file); err != nil {
		return nil, fmt.Errorf("cannot read the signed file: %w", err)
	}
	return h.Sum(nil), nil
}
