package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"clinicgate/gateway/upgrade/signature"
	"clinicgate/storage"
)

// sums writes SHA256SUMS in the form that sha256sum -c reads, and a signature of
// each package and of the sums.
func (b *build) sums(_ context.Context, wanted []target) error {
	entries, err := os.ReadDir(b.out)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, e := range entries {
		sum, err := sumOf(filepath.Join(b.out, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%s  %s\n", hex.EncodeToString(sum), e.Name())
		if err := b.sign(e.Name(), wanted); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(b.out, "SHA256SUMS"), []byte(text.String()), 0o644); err != nil {
		return err
	}
	return b.sign("SHA256SUMS", wanted)
}

// sign writes the signature of a file of the output.
func (b *build) sign(name string, wanted []target) error {
	if b.keys.release == nil {
		return nil
	}
	about := signature.Release{File: name, Version: b.version, Store: storage.FormatVersion}
	for _, t := range wanted {
		if b.belongs(name, t) {
			about.Target = t.String()
		}
	}
	f, err := os.Open(filepath.Join(b.out, name))
	if err != nil {
		return err
	}
	defer f.Close()
	text, err := b.keys.release.Sign(f, about)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.out, name+signature.Suffix), []byte(text), 0o644)
}

// belongs says whether a file of the output is for a target.
func (b *build) belongs(name string, t target) bool {
	return strings.HasPrefix(name, b.stem(t)+".") || t.os == "linux" &&
		(strings.HasSuffix(name, "_"+t.name+".deb") || strings.HasSuffix(name, "."+t.rpm+".rpm"))
}

// authenticode signs a program or MSI for Windows in its place. The time in the
// signature is the commit's; no timestamp server is asked, so whoever releases for
// longer than the certificate lives adds one (osslsigncode add -ts).
func (b *build) authenticode(ctx context.Context, path string) error {
	if b.keys.authenticode == "" {
		return nil
	}
	args := []string{"sign", "-pkcs12", b.keys.authenticode, "-h", "sha256", "-n", "clinicgate", "-st", strconv.FormatInt(b.made.Unix(), 10)}
	if b.keys.authenticodePassword != "" {
		args = append(args, "-readpass", b.keys.authenticodePassword)
	}
	if _, err := output(ctx, "", nil, "osslsigncode", append(args, "-in", path, "-out", path+".signed")...); err != nil {
		return err
	}
	return os.Rename(path+".signed", path)
}
