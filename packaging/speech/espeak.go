package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"clinicgate/kiosk"
)

const (
	wordsPerMinute = "150"
	within         = 30 * time.Second // for one text
)

// voiceOf names espeak-ng's voice where it is not called as the language is.
// Debian's "cmn" reads most characters as English; the pinyin one reads them.
func voiceOf(language string) string {
	switch base, _, _ := strings.Cut(language, "-"); {
	case language == "en":
		return "en-us"
	case language == "es":
		return "es-419"
	case base == "zh":
		return "cmn-latn-pinyin"
	default:
		return strings.ToLower(language)
	}
}

// ownName says in which language espeak-ng speaks a language's own name, and what it
// is given: the name, a neighbour's voice that reads the script where it has none, or
// else the English name, by which speakers know theirs too.
func ownName(t kiosk.Tongue) (language, words string) {
	switch t.Tag {
	case "prs":
		return "fa", t.Name
	case "ti":
		return "am", t.Name
	case "tl":
		return "id", t.Name
	case "so":
		return "sw", t.Name
	case "ja":
		return "ja", "にほんご" // it knows no kanji
	case "ps", "km", "lo", "hmn", "my", "th": // the last two it reads wrongly
		return "en", t.English
	default:
		return t.Tag, t.Name
	}
}

// espeak speaks by the program espeak-ng.
func espeak(ctx context.Context, language, text string) (pcm []int16, rate int, err error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	cmd := exec.CommandContext(ctx, "espeak-ng", "-v", voiceOf(language), "-s", wordsPerMinute, "-b", "1", "--stdin", "--stdout")
	cmd.Stdin = strings.NewReader(text)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, 0, errors.New("espeak-ng is not there: install the package espeak-ng")
		}
		return nil, 0, fmt.Errorf("espeak-ng: %w: %s", err, strings.TrimSpace(complaint.String()))
	}
	return parseWAV(out.Bytes())
}

// parseWAV reads 16-bit mono PCM. espeak-ng writes to a pipe before it knows the
// length, so the last chunk may claim more than there is.
func parseWAV(b []byte) (pcm []int16, rate int, err error) {
	if len(b) < 12 || string(b[:4]) != "RIFF" || string(b[8:12]) != "WAVE" {
		return nil, 0, errors.New("not a WAV file")
	}
	for b = b[12:]; len(b) >= 8; {
		id, size := string(b[:4]), int(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		body := b[:min(size, len(b))]
		switch id {
		case "fmt ":
			if len(body) < 16 || binary.LittleEndian.Uint16(body) != 1 || binary.LittleEndian.Uint16(body[2:]) != 1 || binary.LittleEndian.Uint16(body[14:]) != 16 {
				return nil, 0, errors.New("not 16-bit mono PCM")
			}
			rate = int(binary.LittleEndian.Uint32(body[4:]))
		case "data":
			if rate < 8000 || rate > 192000 {
				return nil, 0, errors.New("a WAV file without a usable rate")
			}
			for ; len(body) >= 2; body = body[2:] {
				pcm = append(pcm, int16(binary.LittleEndian.Uint16(body)))
			}
			return pcm, rate, nil
		}
		b = b[min(len(body)+size%2, len(b)):]
	}
	return nil, 0, errors.New("a WAV file without sound")
}
