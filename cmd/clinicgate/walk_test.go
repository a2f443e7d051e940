package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// leaves gives every command that does something, by its words after clinicgate, but
// for those that the program itself runs and help does not show.
func leaves() map[string]*cobra.Command {
	all := map[string]*cobra.Command{}
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for _, child := range c.Commands() {
			walk(child)
		}
		if c.Runnable() && !c.Hidden && !isGroup(c) {
			all[wordsOf(c)] = c
		}
	}
	walk((&app{}).root())
	return all
}

// isGroup reports whether a command does nothing without one of its subcommands.
func isGroup(c *cobra.Command) bool {
	return c.HasSubCommands() && !slices.Contains([]string{"doctor", "kiosk-session", "upgrade"}, wordsOf(c))
}

// wordsOf gives a command's words after clinicgate.
func wordsOf(c *cobra.Command) string { return strings.TrimPrefix(c.CommandPath(), "clinicgate ") }

var (
	// scripted is a line of a script that runs the program, and how it is to end.
	scripted = regexp.MustCompile(`(?m)^(?:\[[^]]*\] )?(exec|! exec|code (\d+)) clinicgate (.+)$`)
	// onMachine is a line of a test with a service manager of its own, after which the
	// program must have ended well.
	onMachine = regexp.MustCompile(`m\.Run\(gate, ((?:"[^"]*"(?:, )?)+)`)
)

// TestEveryCommandIsRun: every command is run at least once so that it works, by a
// script or on a machine of its own, and once by a script so that it fails.
func TestEveryCommandIsRun(t *testing.T) {
	t.Parallel()
	works, fails := map[string]bool{"kiosk-session": true}, map[string]bool{} // TestE2ESession of gateway/session
	ran := func(words []string, into map[string]bool) {
		c, _, err := (&app{}).root().Find(words)
		if err == nil && !strings.Contains(strings.Join(words, " "), "--help") {
			into[wordsOf(c)] = true
		}
	}
	for _, path := range glob(t, "testdata/script/*.txtar") {
		for _, m := range scripted.FindAllStringSubmatch(read(t, path), -1) {
			into := fails
			if m[1] == "exec" {
				into = works
			}
			ran(word.FindAllString(m[3], -1), into)
		}
	}
	for _, path := range glob(t, "*_e2e_test.go") {
		for _, m := range onMachine.FindAllStringSubmatch(read(t, path), -1) {
			ran(strings.Fields(strings.NewReplacer(`"`, "", ",", "").Replace(m[1])), works)
		}
	}
	for name := range leaves() {
		if !works[name] {
			t.Errorf("nothing runs `clinicgate %s` so that it works", name)
		}
		if !fails[name] {
			t.Errorf("no script runs `clinicgate %s` so that it fails", name)
		}
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d files %s, %v", len(paths), pattern, err)
	}
	return paths
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEveryErrorHasAHint: what is typed wrong, and what is asked while there is neither
// a service nor a config, ends with an error, the next step, a code of the list, and no
// result.
func TestEveryErrorHasAHint(t *testing.T) {
	folder := t.TempDir()
	none := []string{"--control", filepath.Join(folder, "none.sock"), "--config", filepath.Join(folder, "none.toml")}
	wrong := func(codes []int, args ...string) {
		t.Helper()
		var out, errOut strings.Builder
		code := run(t.Context(), args, strings.NewReader(""), &out, &errOut)
		lines := strings.Split(strings.TrimSpace(errOut.String()), "\n")
		first, last := lines[0], lines[len(lines)-1]
		if !slices.Contains(codes, code) || !strings.HasPrefix(first, "error: ") || !strings.HasPrefix(last, "hint: ") {
			t.Errorf("clinicgate %q: code %d, want one of %v, an error and a hint:\n%s", args, code, codes, errOut.String())
		}
		if out.Len() > 0 {
			t.Errorf("clinicgate %q fails, and shows a result: %s", args, out.String())
		}
	}
	for name := range leaves() {
		words := strings.Fields(name)
		wrong([]int{exitUsage}, append(words, "--no-such-flag")...)
		if name == "devices test" {
			continue // it takes any number of devices
		}
		wrong([]int{exitUsage}, append(words, slices.Repeat([]string{"too-many"}, 9)...)...)
	}
	// The scripts know what each command that asks the service needs.
	asked := map[string]bool{}
	for _, path := range glob(t, "testdata/script/*.txtar") {
		for _, m := range scripted.FindAllStringSubmatch(read(t, path), -1) {
			line, atService := strings.CutSuffix(m[3], " --control $CONTROL")
			words := strings.Fields(line)
			c, _, err := (&app{}).root().Find(words)
			if err != nil || !atService || m[1] != "exec" || asked[wordsOf(c)] || strings.ContainsAny(line, "$'") || strings.Contains(line, "--sheet") {
				continue
			}
			asked[wordsOf(c)] = true
			if wordsOf(c) != "doctor" { // it looks at what can be seen from outside
				wrong([]int{exitUsage, exitUnreachable}, append(words, none...)...)
			}
		}
	}
	if len(asked) < 40 {
		t.Errorf("%d commands ask the service; are they still found?", len(asked))
	}
}
