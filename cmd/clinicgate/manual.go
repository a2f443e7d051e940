//go:build manual

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra/doc"
)

// With the tag "manual" this program is the one that packages are made with:
// `clinicgate FOLDER VERSION EPOCH` writes a man page of every command and the
// completions of four shells. They come from the commands themselves and from
// nothing else, and the shipped program carries none of it.
func main() {
	if err := manual(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(exitFailed)
	}
}

func manual(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("want FOLDER VERSION EPOCH, got %d words", len(args))
	}
	epoch, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		return fmt.Errorf("epoch: %w", err)
	}
	root := (&app{}).root()
	root.DisableAutoGenTag = true // it holds the day of the build
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	pages := filepath.Join(args[0], "man")
	if err := os.MkdirAll(pages, 0o755); err != nil {
		return err
	}
	date := time.Unix(epoch, 0).UTC()
	header := &doc.GenManHeader{Section: "1", Date: &date, Source: "clinicgate " + args[1], Manual: "clinicgate"}
	if err := doc.GenManTree(root, header, pages); err != nil {
		return err
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"clinicgate.bash": func(b *bytes.Buffer) error { return root.GenBashCompletionV2(b, true) },
		"_clinicgate":     func(b *bytes.Buffer) error { return root.GenZshCompletion(b) },
		"clinicgate.fish": func(b *bytes.Buffer) error { return root.GenFishCompletion(b, true) },
		"completion.ps1":  func(b *bytes.Buffer) error { return root.GenPowerShellCompletionWithDesc(b) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(args[0], name), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
