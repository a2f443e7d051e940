package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker where a release is named by hand (make packages
// VERSION=...), and by nothing else.
var version string

// build is what the binary knows about itself.
type build struct {
	Version  string `json:"version"` // named by hand, or from the version control system; "(devel)" where neither was there
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func buildInfo() build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	switch {
	case version != "":
		b.Version = version
	case info.Main.Version != "":
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := buildInfo()
			return a.show(b, func(t *table) {
				t.line("clinicgate %s %s %s", b.Version, b.Platform, b.Go)
				if b.Revision != "" {
					t.line("revision %s, changed since: %s", b.Revision, yesNo(b.Modified))
				}
			})
		},
	}
}
