package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Keys returns the path of every key there is, in the order of the file.
// Arrays of tables appear without an index: "provider.room".
func Keys() []string { return keysOf(reflect.TypeFor[Config](), "") }

func keysOf(t reflect.Type, prefix string) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		path := join(prefix, f.Tag.Get("toml"))
		switch {
		case isSection(f.Type):
			keys = append(keys, keysOf(f.Type, path)...)
		case isTables(f.Type):
			keys = append(keys, keysOf(f.Type.Elem(), path)...)
		default:
			keys = append(keys, path)
		}
	}
	return keys
}

func isSection(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
}

func isTables(t reflect.Type) bool { return t.Kind() == reflect.Slice && isSection(t.Elem()) }

// lookup finds the field at a path. Array tables need an index, counted from 1.
// A path into a map gives the map.
func lookup(v reflect.Value, path string) (reflect.Value, bool) {
	name, rest, more := strings.Cut(path, ".")
	name, index, indexed := strings.Cut(name, "[")
	f, ok := fieldFor(v, name)
	if !ok {
		return reflect.Value{}, false
	}
	if indexed {
		n, err := strconv.Atoi(strings.TrimSuffix(index, "]"))
		if err != nil || f.Kind() != reflect.Slice || n < 1 || n > f.Len() {
			return reflect.Value{}, false
		}
		f = f.Index(n - 1)
	}
	if more && isSection(f.Type()) {
		return lookup(f, rest)
	}
	return f, !more || f.Kind() == reflect.Map
}

// value gives the TOML text of a field.
func value(v reflect.Value) string {
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			panic(fmt.Sprintf("config: %v does not marshal: %v", v.Type(), err))
		}
		return quote(string(text))
	}
	switch v.Kind() {
	case reflect.String:
		return quote(redact(v.String()))
	case reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = value(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		items := make([]string, len(keys))
		for i, k := range keys {
			items[i] = tomlKey(k.String()) + " = " + value(v.MapIndex(k))
		}
		if len(items) == 0 {
			return "{}"
		}
		return "{ " + strings.Join(items, ", ") + " }"
	}
	return fmt.Sprint(v.Interface())
}

func tomlKey(k string) string {
	if idForm.MatchString(k) {
		return k
	}
	return quote(k)
}

// quote writes a TOML string: basic, or literal where that reads better
// (Windows paths).
func quote(s string) string {
	if strings.ContainsRune(s, '\\') && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == '\'' || c == 0x7f || c == utf8.RuneError }) {
		return "'" + s + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// nearest finds the key that somebody who wrote path probably meant, or "".
func nearest(path string) string {
	best, bestDistance := "", 3
	_, leaf, hasSection := strings.Cut(path, ".")
	candidates := Keys()
	for _, k := range Keys() {
		section, _, _ := strings.Cut(k, ".")
		if !slices.Contains(candidates, section) {
			candidates = append(candidates, section)
		}
	}
	for _, k := range candidates {
		if d := distance(path, k); d < bestDistance {
			best, bestDistance = k, d
		}
	}
	if best != "" {
		return best
	}
	// The right key in the wrong section, or before any section.
	if !hasSection {
		leaf = path
	}
	for _, k := range Keys() {
		if strings.HasSuffix(k, "."+leaf) {
			return k
		}
	}
	return ""
}

// distance is the number of single-character edits between two short strings;
// 100 for long ones, so that a hostile file costs nothing.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 100
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			substitute := diagonal
			if a[i] != b[j] {
				substitute++
			}
			diagonal = row[j+1]
			row[j+1] = min(substitute, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
