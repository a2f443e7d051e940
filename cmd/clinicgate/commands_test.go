package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// commandsPage is the operators' page of all commands, made from the commands.
func commandsPage() []byte {
	var b bytes.Buffer
	b.WriteString(`# Commands

This page is made from the commands themselves. ` + "`clinicgate COMMAND --help`" + ` and the man pages say
more of each. All take ` + "`--config`, `--control` and `--json`" + `.

## Exit codes

An error is one or more lines that begin with ` + "`error:`" + ` and one that begins with ` + "`hint:`" + `, the next
step, on standard error, with ` + "`--json`" + ` too.

| code | what it means |
|---|---|
`)
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "| %d | %s |\n", e.code, e.means)
	}
	b.WriteString(`
## Results for programs

With ` + "`--json`" + ` the result is one document on standard output: ` + "`{\"version\":1,\"data\":...}`" + `. A member
may come in any release; none goes or changes its meaning while the version stays. What watches
or follows writes one document after the other.
`)
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		if c.Hidden || !c.Runnable() {
			return
		}
		if c.HasParent() && !c.Parent().HasParent() {
			fmt.Fprintf(&b, "\n## %s\n\n", c.Name())
		}
		if !c.HasParent() {
			// the page is about its children
		} else if isGroup(c) {
			fmt.Fprintf(&b, "%s.\n\n", c.Short)
		} else {
			fmt.Fprintf(&b, "- `%s`: %s\n", strings.TrimSuffix(c.UseLine(), " [flags]"), c.Short)
		}
		for _, child := range c.Commands() {
			walk(child)
		}
	}
	walk((&app{}).root())
	return b.Bytes()
}

// TestCommandsPage: the operators' page of the commands is as they are.
func TestCommandsPage(t *testing.T) {
	t.Parallel()
	const path = operator + "commands.md"
	want := commandsPage()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not as the commands are (%v): write it anew with -update", path, err)
	}
}

// TestExitCodes: each code is explained once.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for _, e := range exitCodes {
		if seen[e.code] || e.means == "" {
			t.Errorf("exit code %d is explained twice, or not", e.code)
		}
		seen[e.code] = true
	}
	for _, code := range []int{exitOK, exitFailed, exitUsage, exitUnreachable, exitDenied, exitFound, exitPart, exitHung} {
		if !seen[code] {
			t.Errorf("exit code %d is not explained", code)
		}
	}
}
