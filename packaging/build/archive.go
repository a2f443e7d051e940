package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
)

// archives makes the tar.gz of each Linux target and the zip of the Windows one.
func (b *build) archives(_ context.Context, wanted []target) error {
	for _, t := range wanted {
		files, err := b.portable(t)
		if err != nil {
			return err
		}
		write, suffix := b.zip, ".zip"
		if t.os == "linux" {
			write, suffix = b.tar, ".tar.gz"
		}
		if err := write(filepath.Join(b.out, b.stem(t)+suffix), b.stem(t), files); err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
	}
	return nil
}

func (b *build) tar(name, folder string, files []file) error {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	z, err := gzip.NewWriterLevel(out, gzip.BestCompression)
	if err != nil {
		return err
	}
	w := tar.NewWriter(z)
	for _, f := range files {
		text, err := os.ReadFile(f.from)
		if err != nil {
			return err
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: path.Join(folder, f.to), Mode: int64(f.mode), Size: int64(len(text)),
			ModTime: b.made, Uname: "root", Gname: "root", Format: tar.FormatUSTAR}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := w.Write(text); err != nil {
			return err
		}
	}
	for _, c := range []io.Closer{w, z, out} {
		if err := c.Close(); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) zip(name, folder string, files []file) error {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer out.Close()
	w := zip.NewWriter(out)
	for _, f := range files {
		text, err := os.ReadFile(f.from)
		if err != nil {
			return err
		}
		h := &zip.FileHeader{Name: path.Join(folder, f.to), Method: zip.Deflate, Modified: b.made}
		h.SetMode(f.mode)
		part, err := w.CreateHeader(h)
		if err != nil {
			return err
		}
		if _, err := part.Write(text); err != nil {
			return err
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return out.Close()
}

// gzipped compresses a page as Debian wants its pages, beside the page.
func gzipped(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, out.Bytes(), 0o644)
}
