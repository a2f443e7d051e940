package markup

import (
	"maps"
	"slices"
	"text/template/parse"
)

// maxNesting is how many blocks may be within one another.
const maxNesting = 8

// check goes through every template once: whether each node is one that Render
// knows, each value is in a place that takes one, and each block leaves the document
// in one place whichever way it goes.
func (p *Pages) check() error {
	for _, name := range slices.Sorted(maps.Keys(p.trees)) {
		c := checker{pages: p, tree: p.trees[name]}
		end, err := c.list(place{}, c.tree.Root, 0)
		if err != nil {
			return err
		}
		if end != (place{}) {
			return fault(c.tree, c.tree.Root, "the template ends %s", end)
		}
	}
	return nil
}

type checker struct {
	pages *Pages
	tree  *parse.Tree
}

// list checks nodes that begin at a place, and tells where they end.
func (c *checker) list(at place, l *parse.ListNode, nested int) (place, error) {
	if nested > maxNesting {
		return at, fault(c.tree, l, "more than %d blocks within one another", maxNesting)
	}
	if l == nil {
		return at, nil
	}
	for _, n := range l.Nodes {
		var err error
		switch n := n.(type) {
		case *parse.TextNode:
			if at, err = at.after(string(n.Text)); err != nil {
				err = fault(c.tree, n, "%w", err)
			}
		case *parse.ActionNode:
			if !at.takesValue() {
				err = fault(c.tree, n, "no value may stand %s", at)
			} else {
				err = c.expression(n.Pipe)
			}
		case *parse.IfNode:
			at, err = c.choice(at, n, nested)
		case *parse.RangeNode:
			err = c.loop(at, n, nested)
		case *parse.TemplateNode:
			err = c.include(at, n)
		default:
			err = fault(c.tree, n, "not supported")
		}
		if err != nil {
			return at, err
		}
	}
	return at, nil
}

func (c *checker) choice(at place, n *parse.IfNode, nested int) (place, error) {
	if err := c.expression(n.Pipe); err != nil {
		return at, err
	}
	yes, err := c.list(at, n.List, nested+1)
	if err != nil {
		return at, err
	}
	no, err := c.list(at, n.ElseList, nested+1)
	if err == nil && yes != no {
		err = fault(c.tree, n, "the branches end differently, %s and %s", yes, no)
	}
	return yes, err
}

func (c *checker) loop(at place, n *parse.RangeNode, nested int) error {
	if n.ElseList != nil {
		return fault(c.tree, n, "else of a range is not supported")
	}
	if err := c.expression(n.Pipe); err != nil {
		return err
	}
	end, err := c.list(at, n.List, nested+1)
	if err == nil && end != at {
		err = fault(c.tree, n, "the range begins %s and ends %s", at, end)
	}
	return err
}

// include checks what a template includes by what it is itself: that the part stands
// where every template begins and ends, and includes nothing further.
func (c *checker) include(at place, n *parse.TemplateNode) error {
	part := c.pages.trees[n.Name]
	switch {
	case part == nil:
		return fault(c.tree, n, "there is no template %q", n.Name)
	case n.Pipe != nil:
		return fault(c.tree, n, "values for a template are not supported")
	case at != place{}:
		return fault(c.tree, n, "no template may stand %s", at)
	case !plain(part.Root):
		return fault(c.tree, n, "template %q has more than text, and is included", n.Name)
	}
	return nil
}

// plain reports whether a template is text alone, and so needs no values.
func plain(l *parse.ListNode) bool {
	return !slices.ContainsFunc(l.Nodes, func(n parse.Node) bool { return n.Type() != parse.NodeText })
}

// expression checks the form of what is between the braces: a path, or one key of
// what a path leads to.
func (c *checker) expression(p *parse.PipeNode) error {
	if len(p.Decl) == 0 && len(p.Cmds) == 1 {
		args := p.Cmds[0].Args
		if len(args) == 1 && isPath(args[0]) {
			return nil
		}
		// The parser knows of no function but index.
		if len(args) == 3 && args[0].Type() == parse.NodeIdentifier && isPath(args[1]) && args[2].Type() == parse.NodeString {
			return nil
		}
	}
	return fault(c.tree, p, "only fields and index with a key are supported")
}

func isPath(n parse.Node) bool { return n.Type() == parse.NodeField || n.Type() == parse.NodeDot }
