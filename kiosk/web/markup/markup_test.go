package markup_test

import (
	"bytes"
	"html/template"
	"strings"
	"testing"
	"testing/fstest"

	"clinicgate/kiosk/web/markup"
)

type named string

type row struct {
	Tag   string
	Text  map[string]string
	Right bool
}

// values have each kind that a page may use, and some that it may not.
type values struct {
	row
	Clinic string
	Width  int
	Rows   []row
	None   []row
	Keys   [][]string
	Odd    named
	hidden string
}

func valuesOf(text string) values {
	return values{row: row{Tag: "en", Text: map[string]string{"title": text}}, Clinic: text, Width: 3,
		Rows: []row{{Tag: text, Text: map[string]string{"title": text}, Right: true}, {Tag: "b", Text: map[string]string{"title": "B"}}},
		Keys: [][]string{{"1", text}, {"3"}}, Odd: "odd", hidden: "hidden"}
}

func parse(page string) (*markup.Pages, error) {
	return markup.Parse(fstest.MapFS{
		"pages/page.html":  {Data: []byte(page)},
		"pages/parts.html": {Data: []byte(`{{define "part"}}<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>{{end}}{{define "part-value"}}{{.}}{{end}}`)},
	}, "pages/*.html")
}

// everything uses all that there is.
const everything = `<!doctype html>
<html lang="{{.Tag}}" data-width="{{.Width}}"{{if .Width}} data-text="{{index .Text "title"}}"{{end}}>
<head><title>{{.Clinic}}</title><script type="module" src="/a.js"></script></head>
<body class="a{{if .Right}} right{{else}} left{{end}}" hidden>
{{/* a note */ -}}
{{range .Rows}}<p lang="{{.Tag}}" dir="{{if .Right}}rtl{{else}}ltr{{end}}">{{index .Text "title"}} {{.Right}}</p>
{{end}}{{range .Keys}}<ul>{{range .}}<li data-key="{{.}}">{{.}}</li>{{end}}</ul>{{end}}
{{template "part"}}<textarea id="x">{{.Clinic}}</textarea><option value="{{.Clinic}}">> {{- 	.Tag -}} </option>
</body></html>
`

const wanted = `<!doctype html>
<html lang="en" data-width="3" data-text="&lt;b&gt;">
<head><title>&lt;b&gt;</title><script type="module" src="/a.js"></script></head>
<body class="a left" hidden>
<p lang="&lt;b&gt;" dir="rtl">&lt;b&gt; true</p>
<p lang="b" dir="ltr">B false</p>
<ul><li data-key="1">1</li><li data-key="&lt;b&gt;">&lt;b&gt;</li></ul><ul><li data-key="3">3</li></ul>
<svg viewBox="0 0 1 1"><path d="M0 0"/></svg><textarea id="x">&lt;b&gt;</textarea><option value="&lt;b&gt;">>en</option>
</body></html>
`

func TestRender(t *testing.T) {
	pages, err := parse(everything)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pages.Render("page.html", valuesOf("<b>"))
	if err != nil || string(got) != wanted {
		t.Fatalf("error %v, got\n%s", err, got)
	}
	if _, err := pages.Render("other.html", valuesOf("")); err == nil {
		t.Error("a page that is not there is rendered")
	}
}

// standard is a page for html/template, whose rules of escaping are ours.
func standard(t testing.TB, page string) func(testing.TB, values) string {
	t.Helper()
	std, err := template.New("page").Parse(`{{define "part"}}<svg viewBox="0 0 1 1"><path d="M0 0"/></svg>{{end}}` + page)
	if err != nil {
		t.Fatal(err)
	}
	return func(t testing.TB, v values) string {
		t.Helper()
		var b bytes.Buffer
		if err := std.Execute(&b, v); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
}

// Each page is refused at the start, with an error that says where and why.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct{ page, why string }{
		// Values where escaping does not suffice.
		{`<a href="{{.Clinic}}">x</a>`, "in the value of href"},
		{`<a HREF="{{.Clinic}}">x</a>`, "in the value of href"},
		{`<a href="/x?{{.Clinic}}">x</a>`, "in the value of href"},
		{`<img src="{{.Clinic}}">`, "in the value of src"},
		{`<img srcset="{{.Clinic}}">`, "in the value of srcset"},
		{`<form action="{{.Clinic}}">`, "in the value of action"},
		{`<p onclick="{{.Clinic}}">`, "in the value of onclick"},
		{`<p style="color:{{.Clinic}}">`, "in the value of style"},
		{`<svg><a xlink:href="{{.Clinic}}">`, "a blank is missing"},
		{`<iframe srcdoc="{{.Clinic}}">`, "iframe"},
		{`<meta content="{{.Clinic}}">`, "in the value of content"},
		{`<p id="{{.Clinic}}">`, "in the value of id"},
		{`<p data-src="{{.Clinic}}">`, "in the value of data-src"},
		{`<p data-icon="{{.Clinic}}">`, "in the value of data-icon"},
		{`<p data-onclick="{{.Clinic}}">`, "in the value of data-onclick"},
		{`<p lang={{.Clinic}}>`, "a blank is missing"},
		{`<p lang='{{.Clinic}}'>`, "a blank is missing"},
		{`<p lang = "{{.Clinic}}">`, "begins no attribute"},
		{`<p lang {{.Clinic}}>`, "in the tag p"},
		{`<p {{.Clinic}}>`, "in the tag p"},
		{`<p{{.Clinic}}>`, "in the tag p"},
		{`<{{.Clinic}}>`, "begins no tag"},
		{`</{{.Clinic}}>`, "begins no tag"},
		{`<p data-a="x"{{.Clinic}}>`, "in the tag p"},
		{`<script>let a = "{{.Clinic}}"</script>`, "a script within the page"},
		{`<script>{{.Clinic}}</script>`, "a script within the page"},
		{`<script>1</script>`, "a script within the page"},
		{`<SCRIPT>1</SCRIPT>`, "a script within the page"},
		{`<style>p { color: {{.Clinic}} }</style>`, "style is not supported"},
		{`<noscript>{{.Clinic}}</noscript>`, "noscript is not supported"},
		{`<!-- {{.Clinic}} -->`, "begins no tag"},
		{`<![CDATA[{{.Clinic}}]]>`, "begins no tag"},
		{`<title><a href="{{.Clinic}}"></title>`, "ends no title"},
		// Names that a browser would put together of pieces.
		{`<scr{{if .Right}}ipt{{end}}>{{.Clinic}}`, "a blank is missing"},
		{`<p {{if .Right}}data-a{{else}}on{{end}}click="{{.Clinic}}">`, "a blank is missing"},
		{`<p on{{if .Right}}click{{end}}="{{.Clinic}}">`, "a blank is missing"},
		{`<p data-a{{if .Right}}="b{{end}}">`, "a blank is missing"},
		{`<p data-a="b"{{if .Right}}onclick="{{.Clinic}}"{{end}}>`, "a blank is missing"},
		{`<p data-a="b"onclick="b">`, "a blank is missing"},
		// Blocks that leave the document in two places.
		{`<p data-a="{{if .Right}}b">{{else}}c{{end}}`, "the branches end differently"},
		{`<p {{if .Right}}data-a="{{else}}onclick="{{end}}{{.Clinic}}">`, "the branches end differently"},
		{`{{if .Right}}<p {{end}}>`, "the branches end differently"},
		{`{{if .Right}}<title>{{end}}</title>`, "the branches end differently"},
		{`{{range .Rows}}<p data-a="{{end}}"`, "the range begins"},
		{`<p`, "the template ends in the tag p"},
		{`<p data-a="x`, "the template ends in the value of data-a"},
		{`<title>x`, "the template ends in the text of title"},
		{`{{define "half"}}<p data-a="{{end}}`, "the template ends in the value"},
		{`a < b`, "begins no tag"},
		{`a <`, "begins no tag"},
		// What is not supported.
		{`{{printf "%s" .Clinic}}`, "printf"},
		{`{{html .Clinic}}`, "html"},
		{`{{.Clinic | index}}`, "only fields"},
		{`{{index .Text .Tag}}`, "only fields"},
		{`{{index .Text 1}}`, "only fields"},
		{`{{index .Text "a" "b"}}`, "only fields"},
		{`{{index}}`, "only fields"},
		{`{{.Clinic.Len 3}}`, "only fields"},
		{`{{(.Rows).Tag}}`, "only fields"},
		{`{{"text"}}`, "only fields"},
		{`{{1}}`, "only fields"},
		{`{{$.Clinic}}`, "only fields"},
		{`{{$a := .Clinic}}`, "only fields"},
		{`{{if $a := .Right}}{{end}}`, "only fields"},
		{`{{range $i, $r := .Rows}}{{end}}`, "only fields"},
		{`{{range .Rows}}{{else}}{{end}}`, "else of a range"},
		{`{{range .Rows}}{{break}}{{end}}`, "not supported"},
		{`{{with .Clinic}}{{.}}{{end}}`, "not supported"},
		{`{{block "b" .}}{{end}}`, "values for a template"},
		{`{{template "part" .}}`, "values for a template"},
		{`{{template "none"}}`, `no template "none"`},
		{`<p data-a="{{template "part"}}">`, "no template may stand"},
		{`{{template "part-value"}}`, "has more than text"},
		{`{{template "page.html"}}`, "has more than text"},
		{`{{define "a"}}{{template "b"}}{{end}}{{define "b"}}{{template "a"}}{{end}}`, "has more than text"},
		{strings.Repeat(`{{if .Right}}`, 9) + strings.Repeat(`{{end}}`, 9), "within one another"},
		{`{{define "part"}}again{{end}}`, "multiple definition"},
		{`{{if .Right}}`, "EOF"},
	} {
		if _, err := parse(tt.page); err == nil || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: error %v, want one with %q", tt.page, err, tt.why)
		}
	}
	if _, err := markup.Parse(fstest.MapFS{}, "pages/*.html"); err == nil {
		t.Error("no page at all is accepted")
	}
}

// Each page is right by itself, and wrong for the values: in a branch that is not
// taken too.
func TestWrongValues(t *testing.T) {
	for _, tt := range []struct{ page, why string }{
		{`{{.Nothing}}`, "no field Nothing"},
		{`{{if .Right}}{{.Nothing}}{{end}}`, "no field Nothing"},
		{`{{if .Width}}{{else}}{{.Nothing}}{{end}}`, "no field Nothing"},
		{`{{range .Rows}}{{.Nothing}}{{end}}`, "no field Nothing"},
		{`{{range .None}}{{end}}`, "a list that is not empty"},
		{`{{range .Clinic}}{{end}}`, "a list that is not empty"},
		{`{{range .Nothing}}{{end}}`, "no field Nothing"},
		{`{{index .Text "nothing"}}`, `no key "nothing"`},
		{`{{index .Nothing "title"}}`, "no field Nothing"},
		{`{{index .Clinic "title"}}`, "a map of texts"},
		{`{{.Clinic.Tag}}`, "no struct"},
		{`{{.hidden}}`, "no field hidden"},
		{`{{.Rows}}`, "cannot be written"},
		{`{{.}}`, "cannot be written"},
		{`{{.Odd}}`, "cannot be written"},
		{`{{if .Clinic}}{{end}}`, "no condition"},
		{`{{if .Nothing}}{{end}}`, "no field Nothing"},
	} {
		pages, err := parse("line one\n" + tt.page)
		if err != nil {
			t.Errorf("%s: %v", tt.page, err)
			continue
		}
		if got, err := pages.Render("page.html", valuesOf("x")); err == nil || got != nil || !strings.Contains(err.Error(), tt.why) || !strings.Contains(err.Error(), "page.html:2:") {
			t.Errorf("%s: %q, error %v, want one with %q and the place", tt.page, got, err, tt.why)
		}
	}
	pages, err := parse(`{{.Clinic}}`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pages.Render("page.html", nil); err == nil {
		t.Error("a page is made of nothing")
	}
	if _, err := pages.Render("part-value", nil); err == nil {
		t.Error("a part is made of nothing")
	}
}

var hostile = []string{
	"", `<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onclick='x`, "javascript:alert(1)", "{{.Clinic}}", "&lt;b&gt;", "&", "+ADw-script+AD4-",
	"\x00", "a\x00b<", "\xff\xfe<\"", "\u2028", "</title><script>", "</textarea>", "-->", "]]>", "`", "\ufdd0\uffff", "\r\n\"",
}

func FuzzRender(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	pages, err := parse(everything)
	if err != nil {
		f.Fatal(err)
	}
	benign, err := pages.Render("page.html", valuesOf("benign"))
	if err != nil {
		f.Fatal(err)
	}
	std := standard(f, everything)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := pages.Render("page.html", valuesOf(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, sign := range []string{"<", ">", `"`, "'", "\x00"} {
			if n, want := bytes.Count(got, []byte(sign)), bytes.Count(benign, []byte(sign)); n != want {
				t.Errorf("%d %q, want %d", n, sign, want)
			}
		}
		if want := std(t, valuesOf(text)); string(got) != want {
			t.Errorf("got\n%s\nhtml/template makes\n%s", got, want)
		}
	})
}

// FuzzParse: whatever template is accepted, html/template finds the same places in
// it: what it makes of values that are markup is the same. Where a value stands in an
// address, script, style or unquoted attribute it escapes otherwise.
func FuzzParse(f *testing.F) {
	f.Add(everything)
	for _, s := range hostile {
		f.Add(s)
	}
	for _, s := range []string{`<p data-a="{{.Clinic}}"{{if .Right}} hidden{{end}}>`, `<title>{{.Clinic}}</title>`, `<a href="{{.Clinic}}">`, `<p {{if .Right}}a{{else}}b{{end}}>`,
		`<script src="x"></script>{{.Clinic}}`, `<svg><title>{{.Clinic}}</title></svg>`, `</p lang="{{.Clinic}}">`, `<textarea/>{{.Clinic}}</textarea>`, `<p data-src="{{.Clinic}}">`} {
		f.Add(s)
	}
	evil := `j:"'<b>&+`
	f.Fuzz(func(t *testing.T, page string) {
		if strings.Contains(page, "define") || len(page) > 2000 {
			return // two definitions are counted otherwise
		}
		pages, err := parse(page)
		if err != nil {
			return
		}
		got, err := pages.Render("page.html", valuesOf(evil))
		if err != nil || strings.Contains(page, "part-value") {
			return
		}
		if want := standard(t, page)(t, valuesOf(evil)); string(got) != want {
			t.Errorf("%q: got\n%s\nhtml/template makes\n%s", page, got, want)
		}
	})
}
