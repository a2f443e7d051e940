package web

import (
	"path"
	"regexp"
)

// What only a reader of the source needs is not sent: the page has a weight to keep.
// A comment counts when it has its lines to itself, so nothing inside a string or an
// expression is touched.
var (
	blockComment = regexp.MustCompile(`(?ms)^[ \t]*/\*.*?\*/[ \t]*\n`)
	lineComment  = regexp.MustCompile(`(?m)^[ \t]*//.*\n`)
)

// lean gives a style sheet or script without its comments, and anything else as it
// is.
func lean(name string, b []byte) []byte {
	switch path.Ext(name) {
	case ".css":
		return blockComment.ReplaceAll(b, nil)
	case ".js":
		return lineComment.ReplaceAll(blockComment.ReplaceAll(b, nil), nil)
	}
	return b
}
