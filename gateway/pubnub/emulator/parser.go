package emulator

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Bounds of a filter expression.
const (
	maxFilter = 4096 // bytes
	maxNest   = 50   // parentheses and negations
)

// parser reads the filter language by recursive descent.
type parser struct {
	text string
	pos  int
	nest int
}

var errFilter = errors.New("invalid filter")

func parseFilter(text string) (*filter, error) {
	if len(text) > maxFilter {
		return nil, fmt.Errorf("%w: longer than %d bytes", errFilter, maxFilter)
	}
	p := &parser{text: text}
	root, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.skip(); p.pos < len(text) {
		return nil, p.bad("end expected")
	}
	return &filter{root}, nil
}

func (p *parser) bad(what string) error {
	return fmt.Errorf("%w: %s at byte %d", errFilter, what, p.pos)
}

func (p *parser) skip() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

// take consumes a sign if it is next.
func (p *parser) take(sign string) bool {
	p.skip()
	if strings.HasPrefix(p.text[p.pos:], sign) {
		p.pos += len(sign)
		return true
	}
	return false
}

func (p *parser) or() (node, error) {
	a, err := p.and()
	for err == nil && p.take("||") {
		var b node
		b, err = p.and()
		a = or{a, b}
	}
	return a, err
}

func (p *parser) and() (node, error) {
	a, err := p.unit()
	for err == nil && p.take("&&") {
		var b node
		b, err = p.unit()
		a = and{a, b}
	}
	return a, err
}

func (p *parser) unit() (node, error) {
	p.nest++
	defer func() { p.nest-- }()
	if p.nest > maxNest {
		return nil, p.bad("too deep")
	}
	if p.take("(") {
		a, err := p.or()
		if err == nil && !p.take(")") {
			err = p.bad("closing parenthesis expected")
		}
		return a, err
	}
	if p.take("!") {
		a, err := p.unit()
		return not{a}, err
	}
	a, err := p.value()
	if err != nil {
		return nil, err
	}
	op := p.operator()
	if op == "" {
		return exists{a}, nil
	}
	b, err := p.value()
	return compare{op, a, b}, err
}

func (p *parser) operator() string {
	for _, op := range []string{"==", "!=", "<=", ">=", "<", ">"} {
		if p.take(op) {
			return op
		}
	}
	for _, op := range []string{"LIKE", "CONTAINS"} {
		start := p.pos
		if word := p.word(); strings.EqualFold(word, op) {
			return op
		}
		p.pos = start
	}
	return ""
}

func (p *parser) word() string {
	p.skip()
	start := p.pos
	for p.pos < len(p.text) && (unreserved(p.text[p.pos]) && p.text[p.pos] != '.' || p.text[p.pos] >= 0x80) {
		p.pos++
	}
	return p.text[start:p.pos]
}

func (p *parser) value() (operand, error) {
	p.skip()
	if p.pos == len(p.text) {
		return operand{}, p.bad("value expected")
	}
	switch c := p.text[p.pos]; {
	case c == '\'' || c == '"':
		s, err := p.quoted(c)
		return operand{value: s}, err
	case c == '-' || '0' <= c && c <= '9':
		return p.number()
	}
	name := p.word()
	switch name {
	case "":
		return operand{}, p.bad("value expected")
	case "true", "false":
		return operand{value: name == "true"}, nil
	case "null":
		return operand{}, nil
	}
	path := []string{name}
	for {
		switch {
		case p.take("."):
			step := p.word()
			if step == "" {
				return operand{}, p.bad("name expected")
			}
			path = append(path, step)
		case p.take("["):
			step, err := p.index()
			if err != nil {
				return operand{}, err
			}
			path = append(path, step)
		default:
			return operand{path: path}, nil
		}
	}
}

func (p *parser) index() (string, error) {
	p.skip()
	step := ""
	if p.pos < len(p.text) && (p.text[p.pos] == '\'' || p.text[p.pos] == '"') {
		var err error
		if step, err = p.quoted(p.text[p.pos]); err != nil {
			return "", err
		}
	} else if step = p.word(); step == "" {
		return "", p.bad("index expected")
	}
	if !p.take("]") {
		return "", p.bad("closing bracket expected")
	}
	return step, nil
}

func (p *parser) quoted(quote byte) (string, error) {
	var b strings.Builder
	for i := p.pos + 1; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == quote:
			p.pos = i + 1
			return b.String(), nil
		case c == '\\' && i+1 < len(p.text):
			i++
			b.WriteByte(p.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.bad("closing quote expected")
}

func (p *parser) number() (operand, error) {
	start := p.pos
	for p.pos < len(p.text) && strings.IndexByte("+-.0123456789eE", p.text[p.pos]) >= 0 {
		p.pos++
	}
	f, err := strconv.ParseFloat(p.text[start:p.pos], 64)
	if err != nil {
		return operand{}, p.bad("number expected")
	}
	return operand{value: f}, nil
}
