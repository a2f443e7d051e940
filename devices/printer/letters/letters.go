package letters

import (
	"fmt"
	"image"
	"math"
	"slices"
	"unicode"

	"github.com/go-text/typesetting/bidi"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/vector"
	"golang.org/x/text/unicode/norm"
)

// Missing says that no font has a character.
type Missing struct{ Rune rune }

func (m *Missing) Error() string { return fmt.Sprintf("no font has %U", m.Rune) }

// Fonts are the fonts of one piece of work, in order of preference. They have one
// user at a time.
type Fonts struct {
	files [][]byte
	faces []*face // opened so far, in the order of files
}

// New takes WOFF2 files. It opens none.
func New(files [][]byte) *Fonts { return &Fonts{files: files} }

// Style is how a line looks.
type Style struct {
	Size   float64 // of the em, in dots
	Weight float32 // 400 to 800, where the font has an axis of it
	RTL    bool    // the paragraph's direction
}

// face finds the font of a character, and opens the next one until one has it.
func (f *Fonts) face(r rune) (int, error) {
	for i := 0; i < len(f.files); i++ {
		if i == len(f.faces) {
			opened, err := openFace(f.files[i])
			if err != nil {
				return 0, err
			}
			f.faces = append(f.faces, opened)
		}
		if f.faces[i].glyphOf(r) != 0 {
			return i, nil
		}
	}
	return 0, &Missing{r}
}

// glyph is an outline at its place: the origin in dots, and how many dots a unit
// of its font has.
type glyph struct {
	outline []stroke
	x, y    float64
	scale   float64
}

// set shapes a line and places its glyphs from the left.
func (f *Fonts) set(text string, st Style) (glyphs []glyph, width float64, err error) {
	runes := slices.DeleteFunc([]rune(norm.NFC.String(text)), func(r rune) bool { return !unicode.IsGraphic(r) })
	for _, run := range visual(runes, st.RTL) {
		part := runes[run.Start:run.End]
		forms := formsOf(part)
		var pieces [][2]int // of one font each
		var faces []int
		for i, r := range part {
			face, err := f.face(r)
			if err != nil {
				return nil, 0, err
			}
			if n := len(pieces); n > 0 && (faces[n-1] == face || f.keeps(faces[n-1], r)) {
				pieces[n-1][1] = i + 1
				continue
			}
			pieces, faces = append(pieces, [2]int{i, i + 1}), append(faces, face)
		}
		if !run.IsLeftToRight() {
			slices.Reverse(pieces)
			slices.Reverse(faces)
		}
		for i, p := range pieces {
			face := f.faces[faces[i]]
			face.setWeight(st.Weight)
			scale := st.Size / float64(face.em)
			for _, it := range face.shape(part[p[0]:p[1]], forms[p[0]:p[1]], !run.IsLeftToRight()) {
				glyphs = append(glyphs, glyph{face.outline(it.glyph), width + it.x*scale, it.y * scale, scale})
				width += it.width * scale
			}
		}
	}
	return glyphs, width, nil
}

// keeps reports whether the font in use also has a mark or a space, so that a
// word is not shaped in pieces.
func (f *Fonts) keeps(face int, r rune) bool {
	if !unicode.IsMark(r) && r != ' ' {
		return false
	}
	return f.faces[face].glyphOf(r) != 0
}

// visual gives the runs of a line from left to right: Unicode Standard Annex 9,
// rule L2.
func visual(text []rune, rtl bool) []bidi.Run {
	if len(text) == 0 {
		return nil
	}
	base := bidi.LeftToRight
	if rtl {
		base = bidi.RightToLeft
	}
	var p bidi.Paragraph
	found := p.Segment(text, base)
	var runs []bidi.Run
	highest := bidi.Level(0)
	for i := range found.NumRuns() {
		r := found.Run(i)
		runs, highest = append(runs, r), max(highest, r.Level)
	}
	for level := highest; level > 0; level-- {
		for i := 0; i < len(runs); i++ {
			end := i
			for end < len(runs) && runs[end].Level >= level {
				end++
			}
			slices.Reverse(runs[i:end])
			i = max(i, end)
		}
	}
	return runs
}

// Width is how many dots a line takes.
func (f *Fonts) Width(text string, st Style) (int, error) {
	_, w, err := f.set(text, st)
	return int(math.Ceil(w)), err
}

// The height of a line in ems. There is room for two accents above a letter, as
// Vietnamese has them, and for what Arabic puts below one.
const (
	above = 1.12
	below = 0.38
)

// Draw gives a line as a picture, black where there is ink, of the style's height.
// The error is a *Missing where no font has a character.
func (f *Fonts) Draw(text string, st Style) (*image.Alpha, error) {
	glyphs, width, err := f.set(text, st)
	if err != nil {
		return nil, err
	}
	const room = 2 // for what leans out of its own width
	w, h := int(math.Ceil(width))+2*room, int(math.Ceil(st.Size*(above+below)))
	out := image.NewAlpha(image.Rect(0, 0, w, h))
	pen := vector.NewRasterizer(w, h)
	for _, g := range glyphs {
		at := func(p point) (x, y float32) {
			return float32(room + g.x + p.x*g.scale), float32(st.Size*above - g.y - p.y*g.scale)
		}
		pen.Reset(w, h)
		for i, s := range g.outline {
			ax, ay := at(s.to[0])
			bx, by := at(s.to[1])
			cx, cy := at(s.to[2])
			switch s.kind {
			case sfnt.SegmentOpMoveTo:
				if i > 0 {
					pen.ClosePath()
				}
				pen.MoveTo(ax, ay)
			case sfnt.SegmentOpLineTo:
				pen.LineTo(ax, ay)
			case sfnt.SegmentOpQuadTo:
				pen.QuadTo(ax, ay, bx, by)
			case sfnt.SegmentOpCubeTo:
				pen.CubeTo(ax, ay, bx, by, cx, cy)
			}
		}
		pen.ClosePath()
		pen.Draw(out, out.Bounds(), image.Opaque, image.Point{})
	}
	return out, nil
}

// Wrap breaks a text into lines of at most so many dots, between words, and
// between any two Chinese characters. A word that is longer has a line of its own
// and is broken where the line ends.
func (f *Fonts) Wrap(text string, dots int, st Style) ([]string, error) {
	var lines []string
	line := ""
	for _, word := range words(text) {
		w, err := f.Width(trimRight(line+word), st)
		if err != nil {
			return nil, err
		}
		if w <= dots || line == "" && len([]rune(word)) == 1 {
			line += word
			continue
		}
		if line != "" {
			lines, line = append(lines, trimRight(line)), ""
		}
		for _, r := range word { // fits, unless it is longer than a line
			if w, err := f.Width(line+string(r), st); err != nil {
				return nil, err
			} else if w > dots && line != "" {
				lines, line = append(lines, line), ""
			}
			line += string(r)
		}
	}
	if line = trimRight(line); line != "" {
		lines = append(lines, line)
	}
	return lines, nil
}
