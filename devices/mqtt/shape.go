package mqtt

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const maxShape = 600 // bytes

var memberForm = regexp.MustCompile(`^[A-Za-z0-9_$-]{1,60}$`)

// Shape tells what a payload consists of without telling any value: names of
// members and kinds of values, for who writes a rule.
func Shape(payload []byte) string {
	if len(payload) > MaxPayload {
		return fmt.Sprintf("%d bytes", len(payload))
	}
	tree, err := parse(payload)
	if err != nil {
		return fmt.Sprintf("text of %d bytes", len(payload))
	}
	var b strings.Builder
	shape(&b, tree)
	return b.String()
}

func shape(b *strings.Builder, tree any) {
	if b.Len() > maxShape {
		b.WriteString("…")
		return
	}
	switch t := tree.(type) {
	case map[string]any:
		b.WriteByte('{')
		for i, name := range slices.Sorted(maps.Keys(t)) {
			if b.Len() > maxShape {
				b.WriteString(", …")
				break
			}
			if i > 0 {
				b.WriteString(", ")
			}
			if memberForm.MatchString(name) {
				b.WriteString(name + ": ")
			} else {
				b.WriteString("?: ") // as long as a name may be, it may be anything
			}
			shape(b, t[name])
		}
		b.WriteByte('}')
	case []any:
		b.WriteByte('[')
		if len(t) > 0 {
			shape(b, t[0])
			if len(t) > 1 {
				fmt.Fprintf(b, " x%d", len(t))
			}
		}
		b.WriteByte(']')
	case string:
		b.WriteString("text")
	case bool:
		b.WriteString("true or false")
	case nil:
		b.WriteString("null")
	default:
		b.WriteString("number")
	}
}
