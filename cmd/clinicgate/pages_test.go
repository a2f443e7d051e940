package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"clinicgate/gateway/config"
	"clinicgate/gateway/doctor"
)

const operator = "../../packaging/operator/"

// pages are what operators read, by path: README and the pages that packages carry.
func pages(t *testing.T) map[string]string {
	t.Helper()
	found, err := filepath.Glob(operator + "*.md")
	if err != nil || len(found) < 10 {
		t.Fatalf("%d pages, %v", len(found), err)
	}
	all := map[string]string{}
	for _, path := range append(found, "../../README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[path] = string(text)
	}
	return all
}

var (
	continued = regexp.MustCompile(`\s*\\\n\s*`)
	inline    = regexp.MustCompile("`([^`\n]+)`")
	remark    = regexp.MustCompile(`\s{2,}.*| #.*| [<>|] .*`) // after a command
	word      = regexp.MustCompile(`(?:'[^']*'|"[^"]*"|\S)+`)
)

// told gives the words after clinicgate of each command that a page tells somebody to
// run: in the lines of its examples, and in backquotes.
func told(page string) (commands [][]string) {
	add := func(text string) {
		for part := range strings.SplitSeq(text, " | ") {
			if after, ok := strings.CutPrefix(part, "clinicgate "); ok {
				commands = append(commands, word.FindAllString(remark.ReplaceAllString(after, ""), -1))
			}
		}
	}
	for line := range strings.SplitSeq(continued.ReplaceAllString(page, " "), "\n") {
		if example, ok := strings.CutPrefix(line, "    "); ok {
			add(example)
		}
		for _, m := range inline.FindAllStringSubmatch(line, -1) {
			add(m[1])
		}
	}
	return commands
}

// TestPagesCommands: each command that a page names exists, with its flags, and takes
// as many words.
func TestPagesCommands(t *testing.T) {
	t.Parallel()
	n := 0
	for path, page := range pages(t) {
		for _, words := range told(page) {
			if words[0] == "COMMAND" {
				continue // the place for any
			}
			n++
			if err := understood(words); err != nil {
				t.Errorf("%s: clinicgate %s: %v", path, strings.Join(words, " "), err)
			}
		}
	}
	if n < 100 {
		t.Errorf("%d commands in the pages; are they still found?", n)
	}
}

// understood says why a command does not exist, has no such flag, or takes no such
// words.
func understood(words []string) error {
	root := (&app{}).root()
	root.InitDefaultHelpFlag()
	c, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	c.InitDefaultHelpFlag()
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	// In a sentence a command may stand without its arguments, but with no word that
	// it does not take.
	if args := c.Flags().Args(); len(args) > 0 && !strings.HasSuffix(words[len(words)-1], "...") {
		return c.ValidateArgs(args)
	}
	return nil
}

var gatePattern = regexp.MustCompile(`\bGate ([a-z][^|;})]*)`)

// TestAcceptanceCommands: so does each command that the script for a real Windows runs.
func TestAcceptanceCommands(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("../../packaging/windows/acceptance.ps1")
	if err != nil {
		t.Fatal(err)
	}
	found := gatePattern.FindAllStringSubmatch(string(script), -1)
	for _, m := range found {
		words := word.FindAllString(m[1], -1)
		if err := understood(words); err != nil {
			t.Errorf("clinicgate %s: %v", strings.Join(words, " "), err)
		}
	}
	if len(found) < 20 {
		t.Errorf("%d commands in the script; are they still found?", len(found))
	}
}

// TestPagesChecks: the runbook has an entry, with an anchor, of each check that there
// is, and of none that is not.
func TestPagesChecks(t *testing.T) {
	t.Parallel()
	entries := map[string]bool{}
	for line := range strings.SplitSeq(pages(t)[operator+"runbook.md"], "\n") {
		if id, ok := strings.CutPrefix(line, "#### "); ok {
			entries[id] = true
		}
	}
	for _, topic := range doctor.Catalogue() {
		if !entries[topic.ID] {
			t.Errorf("the runbook has no entry #### %s", topic.ID)
		}
		delete(entries, topic.ID)
	}
	for id := range entries {
		t.Errorf("the runbook has an entry of %s, which is no check", id)
	}
}

// sections gives each table of the config with the keys in it, by their names there.
func sections() map[string]map[string]bool {
	all := map[string]map[string]bool{}
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		all[path] = map[string]bool{}
		for f := range t.Fields() {
			name := strings.Split(f.Tag.Get("toml"), ",")[0]
			inner := f.Type
			if inner.Kind() == reflect.Slice {
				inner = inner.Elem()
			}
			if name == "" || name == "-" {
				continue
			}
			all[path][name] = true
			if inner.Kind() == reflect.Struct {
				walk(inner, strings.TrimPrefix(path+"."+name, "."))
			}
		}
	}
	walk(reflect.TypeFor[config.Config](), "")
	return all
}

var (
	setting   = regexp.MustCompile(`^[a-z_]+(\.[a-z_]+)+$`)
	tableName = regexp.MustCompile(`^\[\[?([a-z_.]+)\]\]?$`)
	value     = regexp.MustCompile(`^([a-z_]+) = `)
	setFlag   = regexp.MustCompile(`--set '?([a-z_.]+)=`)
)

// TestPagesSettings: each key of the config that a page names exists.
func TestPagesSettings(t *testing.T) {
	t.Parallel()
	known, n := sections(), 0
	check := func(path, section, key string) {
		t.Helper()
		n++
		if !known[section][key] {
			t.Errorf("%s: the config has no %s.%s", path, section, key)
		}
	}
	for path, page := range pages(t) {
		section := ""
		for line := range strings.SplitSeq(page, "\n") {
			for _, m := range inline.FindAllStringSubmatch(line, -1) {
				name, _, _ := strings.Cut(m[1], " = ")
				if i := strings.LastIndex(name, "."); setting.MatchString(name) && known[strings.SplitN(name, ".", 2)[0]] != nil && !file.MatchString(name) {
					check(path, name[:i], name[i+1:])
				}
				if m := tableName.FindStringSubmatch(m[1]); m != nil && known[m[1]] == nil {
					t.Errorf("%s: the config has no table %s", path, m[1])
				}
			}
			for _, m := range setFlag.FindAllStringSubmatch(line, -1) {
				i := strings.LastIndex(m[1], ".")
				check(path, m[1][:i], m[1][i+1:])
			}
			example, ok := strings.CutPrefix(line, "    ")
			if !ok {
				section = ""
			} else if m := tableName.FindStringSubmatch(example); m != nil && known[m[1]] != nil {
				section = m[1]
			} else if m := value.FindStringSubmatch(example); m != nil && section != "" {
				check(path, section, m[1])
			}
		}
	}
	if n < 40 {
		t.Errorf("%d settings in the pages; are they still found?", n)
	}
}

// file is the name of a file that looks like a setting.
var file = regexp.MustCompile(`\.(json|toml|txt|md|pub|conf|yml|zip|socket|service)$`)

var (
	link    = regexp.MustCompile(`\]\(([^)]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	dropped = regexp.MustCompile("[^a-z0-9 _-]")
)

// anchors gives the names by which a page's headings are linked to.
func anchors(page string) map[string]bool {
	all := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		all[strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return all
}

// TestPagesLinks: each link leads somewhere, and each page is in the index.
func TestPagesLinks(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for path, page := range all {
		for _, m := range link.FindAllStringSubmatch(page, -1) {
			if strings.Contains(m[1], "://") {
				t.Errorf("%s links to %s, which a kiosk may not reach", path, m[1])
				continue
			}
			name, anchor, _ := strings.Cut(m[1], "#")
			to := path
			if name != "" {
				to = filepath.Join(filepath.Dir(path), name)
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s links to %s: %v", path, m[1], err)
			} else if anchor != "" && !anchors(all[to])[anchor] {
				t.Errorf("%s links to %s, which has no such heading", path, m[1])
			}
		}
		if name := filepath.Base(path); filepath.Dir(path) == filepath.Clean(operator) && name != "README.md" && !strings.Contains(all[operator+"README.md"], "]("+name+")") {
			t.Errorf("the index has no link to %s", name)
		}
	}
}

var (
	testName = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z][A-Za-z0-9]*)`")
	testFunc = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
)

// TestPagesTests: each test that a page names as proof is there, and in the HIPAA table
// and among the threats there is a proof in each row.
func TestPagesTests(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && (strings.HasPrefix(name, ".") && name != "../.." && name != ".." || name == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		for _, m := range testFunc.FindAllSubmatch(text, -1) {
			there[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for path, page := range pages(t) {
		for _, m := range testName.FindAllStringSubmatch(page, -1) {
			n++
			if !there[m[1]] {
				t.Errorf("%s: there is no %s", path, m[1])
			}
		}
		if name := filepath.Base(path); name != "hipaa.md" && name != "threats.md" {
			continue
		}
		proof := -1 // the column of tests in this table
		for line := range strings.SplitSeq(page, "\n") {
			cells := strings.Split(strings.Trim(line, "| "), " | ")
			switch {
			case !strings.HasPrefix(line, "|"):
				proof = -1
			case slices.Contains(cells, "test"):
				proof = slices.Index(cells, "test")
			case proof < 0 || strings.HasPrefix(line, "|--"):
			case len(cells) <= proof || cells[proof] != "none" && !testName.MatchString(cells[proof]): // "none": it is not in the program
				t.Errorf("%s: no proof of %s", path, cells[0])
			}
		}
	}
	if n < 20 {
		t.Errorf("%d tests in the pages; are they still found?", n)
	}
}
