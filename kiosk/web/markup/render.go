package markup

import (
	"bytes"
	"reflect"
	"strconv"
	"strings"
	"text/template/parse"
)

// list writes nodes. It knows those that check lets through.
func (p *Pages) list(out *bytes.Buffer, t *parse.Tree, l *parse.ListNode, dot reflect.Value) error {
	if l == nil {
		return nil
	}
	for _, n := range l.Nodes {
		var err error
		switch n := n.(type) {
		case *parse.TextNode:
			out.Write(n.Text)
		case *parse.ActionNode:
			err = write(out, t, n.Pipe, dot)
		case *parse.IfNode:
			err = p.choose(out, t, n, dot)
		case *parse.RangeNode:
			err = p.each(out, t, n, dot)
		case *parse.TemplateNode:
			part := p.trees[n.Name]
			err = p.list(out, part, part.Root, reflect.Value{})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// choose writes one branch, and tries the other: what is wrong in it would
// otherwise be found by the clinic that needs it.
func (p *Pages) choose(out *bytes.Buffer, t *parse.Tree, n *parse.IfNode, dot reflect.Value) error {
	v, err := find(t, n.Pipe, dot)
	if err != nil {
		return err
	}
	var yes bool
	switch v := v.Interface().(type) {
	case bool:
		yes = v
	case int:
		yes = v != 0
	default:
		return fault(t, n.Pipe, "a %T is no condition", v)
	}
	taken, other := n.List, n.ElseList
	if !yes {
		taken, other = other, taken
	}
	if err := p.list(out, t, taken, dot); err != nil {
		return err
	}
	return p.list(new(bytes.Buffer), t, other, dot)
}

// each writes a range. One over nothing is an error: nobody would have tried what
// it writes.
func (p *Pages) each(out *bytes.Buffer, t *parse.Tree, n *parse.RangeNode, dot reflect.Value) error {
	v, err := find(t, n.Pipe, dot)
	if err != nil {
		return err
	}
	if v.Kind() != reflect.Slice || v.Len() == 0 {
		return fault(t, n.Pipe, "a range needs a list that is not empty")
	}
	for i := range v.Len() {
		if err := p.list(out, t, n.List, v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

// find gives the value of an expression, which is never the zero reflect.Value.
func find(t *parse.Tree, pipe *parse.PipeNode, dot reflect.Value) (reflect.Value, error) {
	args := pipe.Cmds[0].Args
	if len(args) == 1 {
		return follow(t, args[0], dot)
	}
	m, err := follow(t, args[1], dot)
	if err != nil {
		return m, err
	}
	key := args[2].(*parse.StringNode).Text
	texts, ok := m.Interface().(map[string]string)
	if !ok {
		return m, fault(t, pipe, "index needs a map of texts")
	}
	text, ok := texts[key]
	if !ok {
		return m, fault(t, pipe, "there is no key %q", key)
	}
	return reflect.ValueOf(text), nil
}

// follow goes along a path of fields. Methods are not looked for: calling one by a
// name that only the template knows is what makes programs large.
func follow(t *parse.Tree, path parse.Node, v reflect.Value) (reflect.Value, error) {
	if f, ok := path.(*parse.FieldNode); ok {
		for _, name := range f.Ident {
			if v.Kind() != reflect.Struct {
				return v, fault(t, path, "%s of what is no struct", name)
			}
			v = v.FieldByName(name)
			if !v.IsValid() || !v.CanInterface() {
				return v, fault(t, path, "there is no field %s", name)
			}
		}
	}
	if !v.IsValid() {
		return v, fault(t, path, "there is no value")
	}
	return v, nil
}

// write puts a value into the document. Only the types themselves are taken: one
// with a String method of its own would be written otherwise than it says.
func write(out *bytes.Buffer, t *parse.Tree, pipe *parse.PipeNode, dot reflect.Value) error {
	v, err := find(t, pipe, dot)
	if err != nil {
		return err
	}
	switch v := v.Interface().(type) {
	case string:
		_, _ = escaper.WriteString(out, v)
	case bool:
		out.WriteString(strconv.FormatBool(v))
	case int:
		out.WriteString(strconv.Itoa(v))
	default:
		return fault(t, pipe, "a %T cannot be written", v)
	}
	return nil
}

// escaper makes text of any string, in content and in a quoted value alike. NUL is
// no character of HTML; plus begins what very old browsers took for UTF-7.
var escaper = strings.NewReplacer("\x00", "\uFFFD", `"`, "&#34;", "'", "&#39;", "&", "&amp;", "<", "&lt;", ">", "&gt;", "+", "&#43;")
