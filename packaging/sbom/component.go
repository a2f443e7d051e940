package sbom

import (
	"debug/buildinfo"
	"fmt"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
)

// A Component is a part of the program that others wrote.
type Component struct {
	Name    string
	Version string
	Licence string // SPDX, or PubNub; "" when it is not recognised
	Sum     string // go.sum's "h1:..."; "" for what is no module
	Texts   []string
}

// Sources are the folders that a program was built from.
type Sources struct {
	Cache string // the module cache, `go env GOMODCACHE`
	Go    string // `go env GOROOT`
	Tree  string // this repository
}

// fonts are embedded in the program; NOTICE tells of each family.
const fonts = "kiosk/web/assets"

// Read lists what a built program holds: its modules by name, Go's own library and
// the fonts.
func Read(program string, from Sources) ([]Component, error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil, fmt.Errorf("cannot read what %s was built from: %w", program, err)
	}
	return List(info, from)
}

// List does it for build info that was read before.
func List(info *debug.BuildInfo, from Sources) ([]Component, error) {
	var all []Component
	add := func(c Component, folder string) (err error) {
		c.Texts, c.Licence, err = texts(folder)
		all = append(all, c)
		return err
	}
	for _, m := range info.Deps {
		name := m.Path
		if m.Replace != nil {
			m = m.Replace
		}
		folder, err := folderOf(from.Cache, m.Path, m.Version)
		if err != nil {
			return nil, err
		}
		if err := add(Component{Name: name, Version: m.Version, Sum: m.Sum}, folder); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b Component) int { return strings.Compare(a.Name, b.Name) })
	if err := add(Component{Name: "std", Version: strings.TrimPrefix(info.GoVersion, "go")}, from.Go); err != nil {
		return nil, err
	}
	text, id, err := ofl(filepath.Join(from.Tree, filepath.FromSlash(fonts)))
	if err != nil {
		return nil, err
	}
	return append(all,
		Component{Name: "Atkinson Hyperlegible Next", Licence: id, Texts: text},
		Component{Name: "Noto Sans", Licence: id, Texts: text}), nil
}
