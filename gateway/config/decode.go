package config

import (
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// decode reads data into c and returns where every key stands. The decoder's
// own strict mode stops at the first value of a wrong type; here the file is
// read as a tree and laid over c, so that all wrong types and unknown keys come
// out at once. A nil lineIndex means that the file is not TOML.
func decode(data []byte, c *Config) (lineIndex, Problems) {
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		p := Problem{What: strings.TrimPrefix(err.Error(), "toml: "), Hint: "correct this first: the file is not TOML, so nothing in it was read"}
		if broken, ok := errors.AsType[*toml.DecodeError](err); ok {
			p.Line, _ = broken.Position()
		}
		return nil, Problems{p}
	}
	d := decoder{lines: indexLines(data)}
	d.section(reflect.ValueOf(c).Elem(), tree, "")
	slices.SortStableFunc(d.problems, byLine)
	return d.lines, d.problems
}

func byLine(a, b Problem) int { return a.Line - b.Line }

type decoder struct {
	lines    lineIndex
	problems Problems
}

func (d *decoder) problem(p Problem) {
	p.Line = d.lines.of(p)
	p.Path = redact(p.Path)
	d.problems = append(d.problems, p)
}

func (d *decoder) section(v reflect.Value, tree map[string]any, path string) {
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		at := join(path, key)
		if field, ok := fieldFor(v, key); ok {
			d.field(field, tree[key], at)
			continue
		}
		d.problem(Problem{Path: at, What: "no such key", Hint: unknownHint(plain(at))})
	}
}

func (d *decoder) field(v reflect.Value, found any, path string) {
	wrong := func(expected string) {
		d.problem(Problem{Path: path, What: "expected " + expected + ", found " + kind(found)})
	}
	switch t := v.Type(); {
	case isSection(t):
		if tree, ok := found.(map[string]any); ok {
			d.section(v, tree, path)
		} else {
			wrong("a [" + path + "] table")
		}
	case isTables(t):
		list, ok := found.([]any)
		if !ok {
			wrong("[[" + path + "]] tables")
			return
		}
		v.Set(reflect.MakeSlice(t, len(list), len(list)))
		for i := range list {
			d.field(v.Index(i), list[i], fmt.Sprintf("%s[%d]", path, i+1))
		}
	case v.CanAddr() && reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		text, ok := found.(string)
		if !ok {
			text = fmt.Sprint(found)
		}
		if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
			d.problem(Problem{Path: path, What: redact(err.Error())})
		}
	case t.Kind() == reflect.Slice:
		list, ok := found.([]any)
		if !ok {
			wrong("a list in [ ]")
			return
		}
		v.Set(reflect.MakeSlice(t, len(list), len(list)))
		for i := range list {
			d.field(v.Index(i), list[i], path)
		}
	case t.Kind() == reflect.Map:
		tree, ok := found.(map[string]any)
		if !ok {
			wrong("a table of texts, such as { en = \"...\" }")
			return
		}
		texts := map[string]string{}
		for _, key := range slices.Sorted(maps.Keys(tree)) {
			if text, ok := tree[key].(string); ok {
				texts[key] = text
			} else {
				d.problem(Problem{Path: join(path, key), What: "expected a text in quotes, found " + kind(tree[key])})
			}
		}
		v.Set(reflect.ValueOf(texts))
	case t.Kind() == reflect.String:
		if text, ok := found.(string); ok {
			v.SetString(text)
		} else {
			wrong("a text in quotes")
		}
	case t.Kind() == reflect.Bool:
		if yes, ok := found.(bool); ok {
			v.SetBool(yes)
		} else {
			wrong("true or false")
		}
	case t.Kind() == reflect.Int:
		if n, ok := found.(int64); ok && int64(int(n)) == n {
			v.SetInt(n)
		} else {
			wrong("a whole number")
		}
	default:
		panic(fmt.Sprintf("config: no rule to decode a %v", t))
	}
}

func fieldFor(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		if v.Type().Field(i).Tag.Get("toml") == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

// kind says in an administrator's words what a value of the file is.
func kind(found any) string {
	switch found.(type) {
	case string:
		return "a text"
	case bool:
		return "true or false"
	case int64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return "a date or time"
}

func unknownHint(path string) string {
	if near := nearest(path); near != "" {
		return "did you mean " + near + "?"
	}
	for _, word := range []string{"pass", "secret", "token", "key"} {
		if strings.Contains(path, word) {
			return "secrets are never in the config; it names the files that hold them"
		}
	}
	return ""
}
