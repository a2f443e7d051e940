package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
		text := onTerminal(t, func(screen *os.File) { run(t.Context(), words, strings.NewReader(""), io.Discard, screen) })
		if !strings.Contains(text, "\r[===============               ]  50 %") || !strings.Contains(text, strings.Repeat(" ", 42)+"\r") {
			t.Errorf("%s drew %q on a terminal", args, text)
		}

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

// TestProgressOnFiles: the same of long work on the files of a stopped service.
func TestProgressOnFiles(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "clinicgate") // by which TestMain knows that it is the program
	text, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(program, text, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	on := func(screen *os.File, args ...string) {
		t.Helper()
		var out strings.Builder
		c := exec.Command(program, append(args, "--config", "c.toml")...)
		c.Dir, c.Stdout, c.Stderr = dir, &out, &out
		if screen != nil {
			c.Stderr = screen
		}
		if err := c.Run(); err != nil {
			t.Fatalf("%s: %v\n%s", args, err, out.String())
		}
	}
	set := func(pairs ...string) (args []string) {
		for _, p := range pairs {
			args = append(args, "--set", p)
		}
		return args
	}
	on(nil, append([]string{"config", "init", "--path", "c.toml"}, set("kiosk.id=lobby-1", "kiosk.letter=A", "kiosk.site=main", "kiosk.organization=riverside", "kiosk.zone=Europe/Madrid",
		"storage.dir=data", "key_source.kind=key-file", "key_source.file=root.key", "control.path=run/c.sock", "pubnub.publish_key=demo", "pubnub.subscribe_key=demo")...)...)
	on(nil, "keys", "init", "--generate")
	for _, step := range []struct {
		args  string
		draws string
	}{
		{"store backup night.cgbackup", `\r\[=+ *\] +\d+ %`},
		{"store restore night.cgbackup --leave-unsent", `\r\d+ bytes `},
		{"store recover", `\r\[=* *\] +\d+ %`},
	} {
		if step.args == "store recover" {
			f, err := os.OpenFile(filepath.Join(dir, "data", "store.db"), os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = f.WriteAt(make([]byte, 2*4096), 2*4096)
			if err = errors.Join(err, f.Close()); err != nil {
				t.Fatal(err)
			}
		}
		text := onTerminal(t, func(screen *os.File) { on(screen, strings.Fields(step.args)...) })
		if !regexp.MustCompile(step.draws).MatchString(text) || !strings.Contains(text, strings.Repeat(" ", 42)+"\r") {
			t.Errorf("%s drew %q on a terminal", step.args, text)
		}
	}
}

// onTerminal gives what is drawn on a terminal.
func onTerminal(t *testing.T, draw func(screen *os.File)) string {
	t.Helper()
	keyboard, screen, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	drawn := make(chan string)
	go func() { // until its other end is closed, which a terminal tells as an error
		text, _ := io.ReadAll(keyboard)
		drawn <- string(text)
	}()
	draw(screen)
	screen.Close()
	return <-drawn
}
