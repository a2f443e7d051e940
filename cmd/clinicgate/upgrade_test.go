package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"clinicgate/gateway/upgrade/signature"
)

// releaseCommand makes a release of a text, and its signature: release FILE VERSION
// TARGET STORE. $RELEASEKEY is the key that signed it; all of a script are by one.
func releaseCommand(ts *testscript.TestScript, _ bool, args []string) {
	keyFile := ts.MkAbs("release.key")
	if _, err := os.Stat(keyFile); err != nil {
		k, err := signature.NewPrivate()
		ts.Check(err)
		ts.Check(os.WriteFile(keyFile, []byte(k.Text()), 0o600))
	}
	key, err := signature.ParsePrivate(ts.ReadFile("release.key"))
	ts.Check(err)
	ts.Setenv("RELEASEKEY", key.Public().String())
	target := args[2]
	if target == "here" {
		target = runtime.GOOS + "/" + runtime.GOARCH
	}
	store, err := strconv.Atoi(args[3])
	ts.Check(err)
	ts.Check(writeRelease(ts.MkAbs(args[0]), []byte("a program"), key, signature.Release{File: filepath.Base(args[0]), Version: args[1], Target: target, Store: store}))
}

// writeRelease packs a program as make packages does, and signs it.
func writeRelease(path string, program []byte, key signature.Private, about signature.Release) error {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "clinicgate_" + about.Version + "/clinicgate", Mode: 0o755, Size: int64(len(program))})
	if err == nil {
		_, err = w.Write(program)
	}
	if err := errors.Join(err, w.Close(), z.Close()); err != nil {
		return err
	}
	signed, err := key.Sign(bytes.NewReader(b.Bytes()), about)
	return errors.Join(err, os.WriteFile(path, b.Bytes(), 0o600), os.WriteFile(path+signature.Suffix, []byte(signed), 0o600))
}

func TestUpgradeTime(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Madrid")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, zone)
	for text, want := range map[string]time.Time{
		"09:30":                     now.Add(30 * time.Minute),
		"03:30":                     time.Date(2026, 11, 23, 3, 30, 0, 0, zone),
		"2026-12-01T02:00:00+01:00": time.Date(2026, 12, 1, 2, 0, 0, 0, zone),
	} {
		if got, err := upgradeTime(text, now, zone); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	if _, err := upgradeTime("tonight", now, zone); err == nil {
		t.Error("tonight is a time")
	}
}
