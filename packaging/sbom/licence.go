package sbom

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"
)

// PubNub is the licence of PubNub's SDK; SPDX has no name for it.
const PubNub = "LicenseRef-PubNub-SDK"

// marks are the sentences by which a licence is known, in the order in which they
// are looked for: a text that holds two is known by the first. Blanks are one
// space and letters are small.
var marks = []struct {
	id   string // SPDX
	says []string
}{
	{PubNub, []string{"pubnub software development kit license"}},
	{"MPL-2.0", []string{"mozilla public license", "version 2.0"}},
	{"EPL-2.0", []string{"eclipse public license - v 2.0"}},
	{"OFL-1.1", []string{"sil open font license version 1.1"}},
	{"Apache-2.0", []string{"apache license", "version 2.0, january 2004"}},
	{"MIT", []string{"permission is hereby granted, free of charge, to any person obtaining"}},
	{"ISC", []string{"permission to use, copy, modify, and", "distribute this software for any purpose with or without fee"}},
	{"BSD-3-Clause", []string{"redistribution and use in source and binary forms", "endorse or promote products derived from"}},
	{"BSD-2-Clause", []string{"redistribution and use in source and binary forms"}},
	{"Zlib", []string{"this software is provided 'as-is', without any express or implied warranty"}},
	{"Apache-2.0", []string{"licensed under the apache license, version 2.0"}},
}

// accepted are the licences that may be shipped, beside PubNub's for its SDK. All
// are satisfied by shipping their texts; for EPL and MPL the sources are public and
// not changed.
var accepted = []string{"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "EPL-2.0", "ISC", "MIT", "MPL-2.0", "OFL-1.1", "Zlib"}

// pubnubModule is what alone may have PubNub's licence.
const pubnubModule = "github.com/pubnub/go/v7"

// identify gives the licence of a text, or "".
func identify(text string) string {
	flat := strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, m := range marks {
		all := true
		for _, s := range m.says {
			all = all && strings.Contains(flat, s)
		}
		if all {
			return m.id
		}
	}
	return ""
}

// texts reads the licences and notices at the root of a module or of Go itself, in
// the order of their names, with what licence they are.
func texts(folder string) (all []string, id string, err error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", fmt.Errorf("%s is not there: build on this machine first", folder)
	}
	if err != nil {
		return nil, "", err
	}
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		about := slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE"}, func(p string) bool { return strings.HasPrefix(name, p) })
		if !about || !e.Type().IsRegular() || strings.HasSuffix(name, ".GO") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, "", err
		}
		all = append(all, strings.TrimSpace(strings.ReplaceAll(string(text), "\r\n", "\n")))
		if id == "" && !strings.HasPrefix(name, "NOTICE") {
			id = identify(string(text))
		}
	}
	return all, id, nil
}

// folderOf gives where the module cache keeps a module.
func folderOf(cache, path, version string) (string, error) {
	p, err := module.EscapePath(path)
	if err != nil {
		return "", err
	}
	v, err := module.EscapeVersion(version)
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, filepath.FromSlash(p)+"@"+v), nil
}

// Gate gives one error for each component whose licence was not read and accepted.
func Gate(components []Component) error {
	var errs []error
	for _, c := range components {
		switch {
		case c.Licence == "":
			errs = append(errs, fmt.Errorf("%s %s: its licence is not recognised: read it, then teach packaging/sbom its marks or do without", c.Name, c.Version))
		case c.Licence == PubNub && c.Name == pubnubModule, slices.Contains(accepted, c.Licence):
		default:
			errs = append(errs, fmt.Errorf("%s %s: %s may not be shipped", c.Name, c.Version, c.Licence))
		}
	}
	return errors.Join(errs...)
}
