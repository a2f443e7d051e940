package config

import (
	_ "embed"
	"reflect"
	"slices"
	"strings"
)

// keysTOML explains every key once. Lines that begin with "# " belong to the
// key or table below them; "#key" and "#[[table]]" without the blank are
// examples that a new file has commented out.
//
//go:embed keys.toml
var keysTOML string

// Explanation is what one line of a config file sets and means.
type Explanation struct {
	Line  int    // 1-based; 0 for a default that the file does not name
	Path  string // key path; array tables count from 1
	Value string // the value in force, as TOML, never a secret
	Doc   string // what the key means
}

// Explain tells what each line of a config file sets and means, in the order
// of the file, then the defaults in force for the keys that it does not name.
// The error is the same as Parse's; explanations are given as far as the file
// could be read.
func Explain(data []byte, folder string) ([]Explanation, error) {
	c := Default()
	lines, problems := decode(data, &c)
	_, err := Parse(data, folder)
	if lines == nil {
		return nil, problems
	}
	docs := docs()
	var out []Explanation
	named := map[string]bool{}
	for path, line := range lines {
		v, ok := lookup(reflect.ValueOf(c), path)
		if !ok || isSection(v.Type()) {
			continue
		}
		key := plain(path)
		for docs[key] == "" && strings.Contains(key, ".") { // name.en = "..." explains name; a word may hold dots
			key = key[:strings.LastIndexByte(key, '.')]
		}
		named[key] = true
		out = append(out, Explanation{Line: line, Path: path, Value: value(v), Doc: docs[key]})
	}
	slices.SortFunc(out, func(a, b Explanation) int { return a.Line - b.Line })
	for _, path := range Keys() {
		if v, ok := lookup(reflect.ValueOf(c), path); ok && !named[path] {
			out = append(out, Explanation{Path: path, Value: value(v), Doc: docs[path]})
		}
	}
	return out, err
}

// ExplainFile is Explain for a file.
func ExplainFile(path string) ([]Explanation, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return Explain(data, folderOf(path))
}

// plain takes the indexes out of a path.
func plain(path string) string {
	open, close := strings.IndexByte(path, '['), strings.IndexByte(path, ']')
	if open < 0 || close < open {
		return path
	}
	return path[:open] + path[close+1:]
}

// docs gives the explanation of every key in keys.toml by its path.
func docs() map[string]string {
	out := map[string]string{}
	section := ""
	var doc []string
	for line := range strings.Lines(keysTOML) {
		line = strings.TrimSpace(line)
		if text, ok := strings.CutPrefix(line, "# "); ok {
			doc = append(doc, text)
			continue
		}
		line = strings.TrimPrefix(line, "#")
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(line, "[]")
			out[section] = strings.Join(doc, " ")
		} else if key, _, ok := strings.Cut(line, " = "); ok {
			out[join(section, key)] = strings.Join(doc, " ")
		}
		doc = nil
	}
	return out
}

// Sample writes a new config file: every key with its explanation and its
// value in c, then example departments, a provider and a scanner.
func Sample(c Config) string {
	var b strings.Builder
	section := ""
	for line := range strings.Lines(keysTOML) {
		if strings.HasPrefix(line, "[") {
			section = strings.Trim(strings.TrimSpace(line), "[]")
		}
		if key, _, ok := strings.Cut(line, " = "); ok && !strings.HasPrefix(line, "#") {
			if v, ok := lookup(reflect.ValueOf(c), join(section, key)); ok {
				line = key + " = " + value(v) + "\n"
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

// Render writes the whole of c as a config file without explanations. What
// looks like a secret is replaced, so the result may be shown.
func Render(c Config) string {
	var b strings.Builder
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Tag.Get("toml"), v.Field(i)
		if isTables(f.Type()) {
			for j := range f.Len() {
				renderTable(&b, "[["+name+"]]", name, f.Index(j))
			}
		} else {
			renderTable(&b, "["+name+"]", name, f)
		}
	}
	return strings.TrimPrefix(b.String(), "\n")
}

func renderTable(b *strings.Builder, header, path string, v reflect.Value) {
	b.WriteString("\n" + header + "\n")
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Tag.Get("toml"), v.Field(i)
		switch {
		case isSection(f.Type()):
			defer renderTable(b, "["+path+"."+name+"]", path+"."+name, f)
			continue
		case isTables(f.Type()):
			for j := range f.Len() {
				defer renderTable(b, "[["+path+"."+name+"]]", path+"."+name, f.Index(f.Len()-1-j))
			}
			continue
		}
		b.WriteString(name + " = " + value(f) + "\n")
	}
}
