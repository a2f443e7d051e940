package main

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"
)

func TestWindowsVersion(t *testing.T) {
	made := time.Date(2026, 11, 22, 23, 59, 0, 0, time.UTC)
	for version, want := range map[string]string{
		"1.4.0": "1.4.0", "0.9.12": "0.9.12", "1.4.0~rc1": "1.4.0", "0.0.0+20261122212000.79faff9abcde": "0.0.2517", "0.0.0+dirty.2026.abc": "0.0.2517",
		"": "", "1.4": "", "1.4.0-rc1": "", "v1.4.0": "", "1.4.0 x": "", "1.4.0\n": "", "1000.0.0": "",
	} {
		got, err := windowsVersion(version, made)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", version, got, err, want)
		}
	}
}

// summary is a property set as msitools writes one, within other bytes.
func summary(code string, kinds ...uint32) []byte {
	var section []byte
	word := func(n uint32) { section = binary.LittleEndian.AppendUint32(section, n) }
	ids := []uint32{2, 9, 12, 13}
	text := 8 + 8*len(ids)
	revision := text + 8 + 8
	created := revision + 8 + 40
	word(0)
	word(uint32(len(ids)))
	for i, at := range []int{text, revision, created, created + 12} {
		word(ids[i])
		word(uint32(at))
	}
	word(typeString)
	word(6)
	section = append(section, "title\x00\x00\x00"...)
	word(kinds[0])
	word(uint32(len(code) + 1))
	section = append(section, code...)
	section = append(section, make([]byte, 40-len(code))...)
	for range 2 {
		word(kinds[1])
		section = append(section, "12345678"...)
	}
	binary.LittleEndian.PutUint32(section, uint32(len(section)))
	file := append(make([]byte, 100), 0xfe, 0xff)
	file = append(file, make([]byte, 26)...)
	file = append(file, formatOf()...)
	file = binary.LittleEndian.AppendUint32(file, 48)
	return append(append(file, section...), make([]byte, 50)...)
}

func TestSetSummary(t *testing.T) {
	before, code := "{00000000-0000-0000-0000-000000000000}", "{87B15464-029D-44C8-B87D-426F94296AF7}"
	file := summary(before, typeString, typeFileTime)
	made := time.Unix(1_700_000_000, 0)
	if err := setSummary(file, code, made); err != nil {
		t.Fatal(err)
	}
	stamp := binary.LittleEndian.AppendUint64(nil, 133_444_736_000_000_000)
	if !bytes.Contains(file, []byte(code)) || bytes.Contains(file, []byte(before)) || bytes.Count(file, stamp) != 2 {
		t.Errorf("%q", file)
	}
	for what, file := range map[string][]byte{
		"no set":         make([]byte, 500),
		"two sets":       append(summary(before, typeString, typeFileTime), summary(before, typeString, typeFileTime)...),
		"cut":            summary(before, typeString, typeFileTime)[:190],
		"a short code":   summary("{0}", typeString, typeFileTime),
		"a code by type": summary(before, typeFileTime, typeFileTime),
		"a time as text": summary(before, typeString, typeString),
	} {
		if err := setSummary(file, code, made); err == nil {
			t.Errorf("%s: it was changed", what)
		}
	}
	for n := range len(file) { // no cut makes it reach beyond
		_ = setSummary(append([]byte{}, file[:n]...), code, made)
	}
}

func TestBelongs(t *testing.T) {
	b := &build{source: source{version: "1.4.0"}}
	for name, want := range map[string]string{
		"clinicgate_1.4.0_linux_amd64.tar.gz":     "linux/amd64",
		"clinicgate_1.4.0_windows_amd64.msi":      "windows/amd64",
		"clinicgate_1.4.0_windows_amd64.cdx.json": "windows/amd64",
		"clinicgate_1.4.0_amd64.deb":              "linux/amd64",
		"clinicgate_1.4.0_armhf.deb":              "linux/arm",
		"clinicgate-1.4.0-1.aarch64.rpm":          "linux/arm64",
		"SHA256SUMS":                              "",
	} {
		var got []string
		for _, t := range targets() {
			if b.belongs(name, t) {
				got = append(got, t.String())
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %q", name, got, want)
		}
	}
}

// TestPortable: every file of an archive has a name of its own, below one folder.
func TestPortable(t *testing.T) {
	b := &build{source: source{root: "../..", version: "1.4.0"}, work: t.TempDir()}
	if err := os.MkdirAll(b.paper("man"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.paper("man/clinicgate.1"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, target := range targets() {
		files, err := b.portable(target)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, f := range files {
			if f.to == "" || seen[f.to] || strings.HasPrefix(f.to, "/") {
				t.Errorf("%s: a file goes to %q", target, f.to)
			}
			seen[f.to] = true
		}
		for _, want := range []string{"LICENSE", "NOTICE", "CHANGELOG.md", "THIRD-PARTY-LICENSES", "config.sample.toml", "operator/install.md", "mosquitto/clinicgate.conf"} {
			if !seen[want] {
				t.Errorf("%s: no %s", target, want)
			}
		}
	}
}
