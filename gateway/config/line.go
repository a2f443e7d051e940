package config

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// lineIndex maps the path of every key and table of a file to its line.
// Elements of arrays of tables are counted from 1: "provider[2].room".
type lineIndex map[string]int

// of gives the line to blame for a problem: its key's, or that of the nearest
// table around it. What is missing from a plain section has no line of its own
// and gets 0.
func (x lineIndex) of(p Problem) int {
	path := p.Path
	for {
		if line, ok := x[path]; ok {
			return line
		}
		if p.Missing && !strings.HasSuffix(path, "]") && !strings.Contains(path, "[") {
			return 0
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return 0
		}
		path = path[:cut]
	}
}

// indexLines walks a file that the decoder has accepted.
func indexLines(data []byte) lineIndex {
	lines := lineIndex{}
	count := map[string]int{}
	var parser unstable.Parser
	parser.Reset(data)
	table := ""
	for parser.NextExpression() {
		node := parser.Expression()
		path, line := "", 0
		for it := node.Key(); it.Next(); {
			key := it.Node()
			if line == 0 {
				line = parser.Shape(key.Raw).Start.Line
			}
			path = join(path, string(key.Data))
		}
		switch node.Kind {
		case unstable.Table:
			table = path
			lines[table] = line
		case unstable.ArrayTable:
			count[path]++
			table = fmt.Sprintf("%s[%d]", path, count[path])
			lines[table] = line
		case unstable.KeyValue:
			lines[join(table, path)] = line
		}
	}
	return lines
}

func join(table, key string) string {
	if table == "" {
		return key
	}
	return table + "." + key
}
