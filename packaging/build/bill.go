package main

import (
	"context"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"

	"clinicgate/packaging/sbom"
)

// bills writes each target's SBOM and licences, and stops at a licence that nobody
// accepted.
func (b *build) bills(ctx context.Context, wanted []target) error {
	from := sbom.Sources{Tree: b.root}
	var err error
	if from.Cache, err = output(ctx, b.root, nil, "go", "env", "GOMODCACHE"); err != nil {
		return err
	}
	if from.Go, err = output(ctx, b.root, nil, "go", "env", "GOROOT"); err != nil {
		return err
	}
	for _, t := range wanted {
		all, err := sbom.Read(b.program(t), from)
		if err != nil {
			return err
		}
		if err := sbom.Gate(all); err != nil {
			return err
		}
		if err := os.WriteFile(b.licences(t), []byte(sbom.Texts(all)), 0o644); err != nil {
			return err
		}
		sum, err := sumOf(b.program(t))
		if err != nil {
			return err
		}
		text, err := sbom.Bill(sbom.Product{Version: b.version, Target: t.String(), SHA256: sum, Made: b.made}, all)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(b.out, b.stem(t)+".cdx.json"), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// licences is where the texts of a target's components are.
func (b *build) licences(t target) string { return b.program(t) + ".licences" }

// stem is what the names of a target's files begin with.
func (b *build) stem(t target) string { return "clinicgate_" + b.version + "_" + t.os + "_" + t.name }

func sumOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return h.Sum(nil), err
}
