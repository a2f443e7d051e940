//go:build e2e

package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// markers are texts about made-up people that must be seen nowhere outside.
type markers []string

// needle is one way to write a marker.
type needle struct {
	marker, form string
	bytes        []byte
	folded       bool // compare without regard to case
}

// needles gives every form that is searched for.
func (m markers) needles() (list []needle) {
	for _, marker := range m {
		began := len(list)
		add := func(form string, folded bool, b []byte) {
			same := func(n needle) bool { return n.marker == marker && n.folded == folded && bytes.Equal(n.bytes, b) }
			if !slices.ContainsFunc(list[began:], same) {
				list = append(list, needle{marker, form, b, folded})
			}
		}
		escaped, _ := json.Marshal(marker)
		add("plain", true, []byte(strings.ToLower(marker)))
		add("JSON", true, bytes.ToLower(bytes.Trim(escaped, `"`)))
		add("ASCII JSON", true, bytes.ToLower(toASCII(marker)))
		add("URL query", true, []byte(strings.ToLower(url.QueryEscape(marker))))
		add("URL path", true, []byte(strings.ToLower(url.PathEscape(marker))))
		for _, variant := range []string{marker, strings.ToLower(marker), strings.ToUpper(marker)} {
			add("hex", true, []byte(hex.EncodeToString([]byte(variant))))
			for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
				var wide []byte
				for _, u := range utf16.Encode([]rune(variant)) {
					wide = order.AppendUint16(wide, u)
				}
				add("UTF-16", false, wide)
				addBase64(add, "base64 of UTF-16", wide)
			}
			addBase64(add, "base64", []byte(variant))
		}
	}
	return list
}

// addBase64 adds what base64 makes of text wherever it stands in what is encoded:
// at each of three offsets, without the sextets that the neighbours reach into.
func addBase64(add func(string, bool, []byte), form string, text []byte) {
	for offset := range 3 {
		padded := append(make([]byte, offset), text...)
		first, last := (8*offset+5)/6, 8*len(padded)/6
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			add(form, false, []byte(encoding.EncodeToString(padded)[first:last]))
		}
	}
}

// toASCII writes JSON with every other character escaped.
func toASCII(s string) []byte {
	var out []byte
	for _, r := range s {
		if r < 0x80 {
			out = append(out, byte(r))
			continue
		}
		for _, u := range utf16.Encode([]rune{r}) {
			out = append(out, `\u`...)
			out = append(out, hex.EncodeToString([]byte{byte(u >> 8), byte(u)})...)
		}
	}
	return out
}

// search gives the markers that stand in hay in some form.
func search(needles []needle, hay []byte) (found []string) {
	folded := bytes.ToLower(hay)
	for _, n := range needles {
		in := hay
		if n.folded {
			in = folded
		}
		if at := bytes.Index(in, n.bytes); at >= 0 {
			around := hay[max(0, at-60):min(len(hay), at+len(n.bytes)+60)]
			found = append(found, n.marker+" as "+n.form+": "+strings.ToValidUTF8(string(around), "."))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// searchFolder looks into every file below a folder, and at their names.
func searchFolder(t *testing.T, needles []needle, folder string) (files int, size int64, found []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		files++
		size += int64(len(text))
		for _, f := range search(needles, append([]byte(path+"\n"), text...)) {
			found = append(found, filepath.Base(path)+": "+f)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files, size, found
}

// TestE2ESearchFindsWhatIsThere: a search that finds nothing proves something
// only if it can find.
func TestE2ESearchFindsWhatIsThere(t *testing.T) {
	t.Parallel()
	const marker = "Quillow-Ñandú 1931-02-17"
	needles := markers{marker}.needles()
	wide := func(order binary.AppendByteOrder) (out []byte) {
		for _, u := range utf16.Encode([]rune(marker)) {
			out = order.AppendUint16(out, u)
		}
		return out
	}
	quoted, err := json.Marshal(marker)
	if err != nil {
		t.Fatal(err)
	}
	hays := map[string][]byte{
		"plain": []byte(marker), "upper": []byte(strings.ToUpper(marker)), "JSON": quoted, "ASCII JSON": toASCII(marker),
		"query": []byte(url.QueryEscape(marker)), "path": []byte(url.PathEscape(marker)), "hex": []byte(hex.EncodeToString([]byte(marker))),
		"HEX": []byte(strings.ToUpper(hex.EncodeToString([]byte(marker)))), "UTF-16LE": wide(binary.LittleEndian), "UTF-16BE": wide(binary.BigEndian),
	}
	for _, before := range []string{"", "a", "ab", "abc"} {
		hays["base64 after "+before] = []byte(base64.StdEncoding.EncodeToString([]byte(before + marker + "and more")))
		hays["base64url after "+before] = []byte(base64.RawURLEncoding.EncodeToString([]byte(before + strings.ToUpper(marker))))
		hays["base64 of UTF-16 after "+before] = []byte(base64.StdEncoding.EncodeToString(append([]byte(before), wide(binary.LittleEndian)...)))
	}
	for name, hay := range hays {
		if len(search(needles, append(append([]byte("before "), hay...), " behind"...))) == 0 {
			t.Errorf("%s is not found in %q", name, hay)
		}
	}
	if found := search(needles, []byte("Quillow-Ñandú 1931-02-18, Quillow, 1931")); len(found) > 0 {
		t.Errorf("found what is not there: %v", found)
	}
}
