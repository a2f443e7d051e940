package emulator

import (
	"encoding/json"
	"strconv"
	"strings"
)

// filter is a parsed expression of the stream and metadata filter language:
//
//	or   = and { "||" and }
//	and  = unit { "&&" unit }
//	unit = "!" unit | "(" or ")" | value [ op value ]
//	op   = "==" "!=" "<" "<=" ">" ">=" "LIKE" "CONTAINS"
//	value = 'text' | "text" | number | true | false | null | name { "." name | "[" text or number "]" }
//
// A comparison with a missing name is neither true nor false, and only what is
// true passes.
type filter struct {
	root node
}

type truth int8

const (
	unknown truth = iota
	no
	yes
)

func truthOf(b bool) truth {
	if b {
		return yes
	}
	return no
}

// lookup finds the value at a path; ok is false where there is none.
type lookup func(path []string) (value any, ok bool)

type node interface {
	test(lookup) truth
}

type (
	or      struct{ a, b node }
	and     struct{ a, b node }
	not     struct{ a node }
	compare struct {
		op   string
		a, b operand
	}
	exists struct{ a operand }
)

// operand is a constant, or a path when path is set.
type operand struct {
	value any
	path  []string
}

func (o operand) get(find lookup) (any, bool) {
	if o.path != nil {
		return find(o.path)
	}
	return o.value, true
}

func (n or) test(find lookup) truth {
	a, b := n.a.test(find), n.b.test(find)
	switch {
	case a == yes || b == yes:
		return yes
	case a == unknown || b == unknown:
		return unknown
	}
	return no
}

func (n and) test(find lookup) truth {
	a, b := n.a.test(find), n.b.test(find)
	switch {
	case a == no || b == no:
		return no
	case a == unknown || b == unknown:
		return unknown
	}
	return yes
}

func (n not) test(find lookup) truth {
	switch n.a.test(find) {
	case yes:
		return no
	case no:
		return yes
	}
	return unknown
}

func (n exists) test(find lookup) truth {
	v, ok := n.a.get(find)
	if !ok {
		return unknown
	}
	return truthOf(v != nil && v != false && v != "" && v != 0.0)
}

func (n compare) test(find lookup) truth {
	a, ok := n.a.get(find)
	if !ok {
		return unknown
	}
	b, ok := n.b.get(find)
	if !ok {
		return unknown
	}
	switch n.op {
	case "==":
		return truthOf(scalar(a) && a == b)
	case "!=":
		return truthOf(!scalar(a) || a != b)
	case "LIKE":
		s, isText := a.(string)
		p, isPattern := b.(string)
		return truthOf(isText && isPattern && like(s, p))
	case "CONTAINS":
		return truthOf(contains(a, b))
	}
	order, ok := ordered(a, b)
	if !ok {
		return no
	}
	switch n.op {
	case "<":
		return truthOf(order < 0)
	case "<=":
		return truthOf(order <= 0)
	case ">":
		return truthOf(order > 0)
	}
	return truthOf(order >= 0)
}

func scalar(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return false
	}
	return true
}

func ordered(a, b any) (int, bool) {
	if x, ok := a.(float64); ok {
		y, ok := b.(float64)
		switch {
		case !ok:
			return 0, false
		case x < y:
			return -1, true
		case x > y:
			return 1, true
		}
		return 0, x == y
	}
	x, ok := a.(string)
	y, ok2 := b.(string)
	return strings.Compare(x, y), ok && ok2
}

// like matches a pattern in which * stands for anything.
func like(s, pattern string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return s == pattern
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s = s[i+len(part):]
	}
	return strings.HasSuffix(s, last)
}

func contains(a, b any) bool {
	switch v := a.(type) {
	case string:
		s, ok := b.(string)
		return ok && strings.Contains(v, s)
	case []any:
		for _, item := range v {
			if scalar(item) && item == b {
				return true
			}
		}
	}
	return false
}

// passes tells whether a delivery is for this filter's subscriber. Only messages
// and signals are filtered. A nil filter passes everything.
func (f *filter) passes(v event) bool {
	if f == nil || v.kind == typeObject || v.kind == typeAction || strings.HasSuffix(v.Channel, presenceSuffix) {
		return true
	}
	var meta any
	if v.Meta != nil {
		_ = json.Unmarshal(v.Meta, &meta)
	}
	return f.root.test(func(path []string) (any, bool) {
		if found, ok := at(meta, path); ok {
			return found, true
		}
		if len(path) == 1 && path[0] == "uuid" {
			return v.UUID, true
		}
		return nil, false
	}) == yes
}

// selects tells whether a metadata record passes. A nil filter selects all.
func (f *filter) selects(record fields) bool {
	return f == nil || f.root.test(func(path []string) (any, bool) {
		v, ok := at(record, path)
		return v, ok && v != nil
	}) == yes
}

// at walks into maps and arrays.
func at(v any, path []string) (any, bool) {
	for _, step := range path {
		switch in := v.(type) {
		case map[string]any:
			found, ok := in[step]
			if !ok {
				return nil, false
			}
			v = found
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(in) {
				return nil, false
			}
			v = in[i]
		default:
			return nil, false
		}
	}
	return v, true
}
