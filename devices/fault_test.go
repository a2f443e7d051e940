package devices_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryFaultHasANextStep: whoever reads why a device does not work reads what to
// do as well, in every package of devices.
func TestEveryFaultHasANextStep(t *testing.T) {
	faults := 0
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok || !isFault(literal) {
				return true
			}
			faults++
			has := map[string]bool{}
			for _, e := range literal.Elts {
				if field, ok := e.(*ast.KeyValueExpr); ok {
					has[field.Key.(*ast.Ident).Name] = true
				}
			}
			if !has["Reason"] || !has["Hint"] {
				t.Errorf("%s: a fault without reason or next step", set.Position(literal.Pos()))
			}
			return true
		})
		return nil
	})
	if err != nil || faults < 50 {
		t.Errorf("%d faults were looked at, %v", faults, err)
	}
}

// isFault also knows a Probe whose outcome is Failed.
func isFault(l *ast.CompositeLit) bool {
	name := ""
	switch kind := l.Type.(type) {
	case *ast.Ident:
		name = kind.Name
	case *ast.SelectorExpr:
		name = kind.Sel.Name
	}
	if name == "Fault" {
		return true
	}
	for _, e := range l.Elts {
		field, ok := e.(*ast.KeyValueExpr)
		if !ok || name != "Probe" {
			continue
		}
		switch v := field.Value.(type) {
		case *ast.Ident:
			if v.Name == "Failed" {
				return true
			}
		case *ast.SelectorExpr:
			if v.Sel.Name == "Failed" {
				return true
			}
		}
	}
	return false
}
