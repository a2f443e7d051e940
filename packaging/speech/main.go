// Speech builds the packs of recorded speech that web.speech names: a file
// {language}.speech for each language of the page, spoken by espeak-ng.
//
//	go run ./packaging/speech -out dist/speech
//	go run ./packaging/speech -out dist/speech -config clinicgate.toml
//
// It runs where packages are made, never on a kiosk. With a clinic's config it also
// speaks the clinic's own words: its departments, rooms and providers, and its
// consent forms; without one the forms that come with the product. The packs hold
// nothing about a patient.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"clinicgate/gateway/config"
	"clinicgate/kiosk/web/speech"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, espeak); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// A synthesiser speaks a text: 16-bit samples, mono, at a rate in samples a second.
type synthesiser func(ctx context.Context, language, text string) (pcm []int16, rate int, err error)

func run(ctx context.Context, args []string, out io.Writer, say synthesiser) error {
	flags := flag.NewFlagSet("speech", flag.ContinueOnError)
	dir := flags.String("out", "dist/speech", "folder to write the packs to")
	path := flags.String("config", "", "config of the clinic whose words are spoken too")
	only := flags.String("languages", "", "tags with commas between them (default: those of the config, or all that the product has)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	settings := config.Default()
	settings.Kiosk.Languages = []string{"en", "es", "zh-Hans", "vi", "ar"}
	if *path != "" {
		var err error
		if settings, err = config.Load(*path); err != nil {
			return err
		}
	}
	if *only != "" {
		settings.Kiosk.Languages = strings.Split(*only, ",")
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return fmt.Errorf("cannot make the folder of the packs: %w", err)
	}
	for _, tag := range settings.Kiosk.Languages {
		phrases, err := script(settings, tag)
		if err != nil {
			return err
		}
		var texts []string
		var sounds [][]byte
		for _, p := range phrases {
			language, words := tag, p.Said
			if p.Tongue.Tag != "" {
				language, words = ownName(p.Tongue)
			}
			pcm, from, err := say(ctx, language, words)
			if err != nil {
				return fmt.Errorf("cannot speak %q in %s: %w", p.Text, tag, err)
			}
			if pcm = trim(resample(pcm, from, rate)); len(pcm) == 0 {
				return fmt.Errorf("the voice says nothing to %q in %s: give it other words under [spoken] of the language's file", p.Text, tag)
			}
			texts, sounds = append(texts, p.Text), append(sounds, speech.Encode(pcm))
		}
		var pack bytes.Buffer
		if err := speech.Write(&pack, tag, rate, texts, sounds); err != nil {
			return fmt.Errorf("cannot make the pack of %s: %w", tag, err)
		}
		if err := replace(filepath.Join(*dir, tag+speech.Extension), pack.Bytes()); err != nil {
			return err
		}
		fmt.Fprintf(out, "%s%s: %d clips, %.1f MB\n", tag, speech.Extension, len(texts), float64(pack.Len())/1e6)
	}
	return nil
}

// replace writes a file whole or not at all.
func replace(name string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".pack-*")
	if err != nil {
		return fmt.Errorf("cannot write the pack: %w", err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return fmt.Errorf("cannot write the pack: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// folder gives a folder of the config, or nil for none.
func folder(dir string) fs.FS {
	if dir == "" {
		return nil
	}
	return os.DirFS(dir)
}
