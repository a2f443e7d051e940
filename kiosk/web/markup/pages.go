package markup

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"reflect"
	"text/template/parse"
)

// Pages are templates that have been found right. They may be used by several
// goroutines at once.
type Pages struct {
	trees map[string]*parse.Tree // by name: of the file without its folder, or as defined
}

// functions are those that a template may call, for the parser.
var functions = map[string]any{"index": true}

// Parse reads the files that match the pattern, a page each, by the name of the
// file; all share the parts that any of them defines. The error names the place of
// what is wrong or not supported.
func Parse(files fs.FS, pattern string) (*Pages, error) {
	names, err := fs.Glob(files, pattern)
	if err != nil {
		return nil, fmt.Errorf("cannot find pages: %w", err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("cannot find pages: nothing matches %s", pattern)
	}
	p := &Pages{trees: map[string]*parse.Tree{}}
	for _, name := range names {
		source, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("cannot read a page: %w", err)
		}
		if _, err := parse.New(path.Base(name)).Parse(string(source), "", "", p.trees, functions); err != nil {
			return nil, fmt.Errorf("cannot parse a page: %w", err)
		}
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

// Render makes the page of the name from a struct of values.
func (p *Pages) Render(name string, values any) ([]byte, error) {
	tree := p.trees[name]
	if tree == nil {
		return nil, fmt.Errorf("there is no page %s", name)
	}
	var out bytes.Buffer
	if err := p.list(&out, tree, tree.Root, reflect.ValueOf(values)); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// fault says what is wrong with a node, and where that is.
func fault(t *parse.Tree, n parse.Node, format string, args ...any) error {
	location, source := t.ErrorContext(n)
	return fmt.Errorf("%s: %w: in %s", location, fmt.Errorf(format, args...), source)
}
