package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// TestProgress: how far long work is, is drawn on a terminal and wiped after, and never
// into a pipe or a file.
func TestProgress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	stop, err := serveFake(path, fakeBackend())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, args := range []string{"audit verify", "bundle --without log.txt --out " + t.TempDir(), "retention run", "store backup", "store check", "store compact", "validate"} {
		words := append(strings.Fields(args), "--control", path)
		keyboard, screen, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		drawn := make(chan string)
		go func() { // until its other end is closed, which a terminal tells as an error
			text, _ := io.ReadAll(keyboard)
			drawn <- string(text)
		}()
		run(t.Context(), words, strings.NewReader(""), io.Discard, screen)
		screen.Close()
		if text := <-drawn; !strings.Contains(text, "\r[===============               ]  50 %") || !strings.Contains(text, strings.Repeat(" ", 42)+"\r") {
			t.Errorf("%s drew %q on a terminal", args, text)
		}
		keyboard.Close()

		file, err := os.Create(filepath.Join(t.TempDir(), "errors"))
		if err != nil {
			t.Fatal(err)
		}
		run(t.Context(), words, strings.NewReader(""), io.Discard, file)
		file.Close()
		if text := read(t, file.Name()); strings.Contains(text, "\r") || strings.Contains(text, "%") {
			t.Errorf("%s drew into a file: %q", args, text)
		}
	}
}
