// Package markup makes the product's HTML pages from template files and values.
//
// It promises that
//   - a value is text and nothing else, wherever a template puts it: the five
//     characters of markup, and a few that confuse browsers, are escaped;
//   - a template that puts a value where escaping does not suffice is refused when
//     it is parsed: only content and the double-quoted values of some attributes
//     (dir, lang, value, data-...) take one, never an address, a script or a style;
//   - a page is whole or an error: a field or key that is not there is an error, in
//     the branch that is not taken too, so that who renders every page at the start
//     knows that all of it is right.
//
// It refuses inline scripts and styles, which the pages' security policy refuses
// too, HTML comments, quotes other than double ones, and every part of the template
// language but
//
//	{{.A.B}}   {{index .A "key"}}   {{.}}
//	{{if .A}} ... {{else}} ... {{end}}
//	{{range .A}} ... {{end}}
//	{{define "part"}} ... {{end}}   {{template "part"}}
//
// where values are structs, maps of texts, slices, strings, booleans and ints. A
// part includes no further part and sees no values, so nothing can recur.
//
// The standard library's html/template does all this and more. It was rejected for
// what it costs: it calls methods by name, so the linker has to keep every exported
// method of every type, and the program is 3.5 MB larger. The syntax is the same
// (text/template/parse reads it), and so is the output, byte for byte.
//
//	files --Parse: syntax (check.go), places of values (place.go)--> Pages
//	Pages, values --Render (render.go)--> document
//
// Nothing is kept; a crash has no consequence.
//
// BUG: of a page's own markup only what tells values' places apart is understood:
// an end tag that is missing is not found.
package markup
