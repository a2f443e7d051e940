// Package letters draws text in the page's own fonts, for paper: in every script
// that they have, shaped as its readers write it.
//
// It promises: Latin, Vietnamese, Chinese and Arabic text becomes the picture
// that a browser would draw, right to left and joined where the script is; fonts
// are the WOFF2 files that the page embeds, so there is no second copy; text is
// never more than ink, whatever it says.
//
// It refuses to draw what no font has: Draw and Wrap name the first character
// that is missing, and the caller chooses other words. It keeps nothing between
// two tickets: fonts are opened as far as a text needs them, and let go.
//
//	text ─▶ bidi: runs ─▶ a font for each character ─▶ shape: glyphs at places ─▶ outlines ─▶ ink
//	                      WOFF2 ─▶ SFNT (woff2.go)      GSUB (substitute.go)    glyf and gvar (outline.go, vary.go), CFF
//	                                                    GPOS (place.go)
//
// Shaping is what these fonts need of OpenType, and no more: Latin, Chinese and
// Arabic in each script's usual language, one axis of weight. That is a tenth of
// what a library for every script and font weighs in the program (1.8 MB less).
// The fonts are ours, so the rest is known not to be asked for: a font with another
// kind of lookup is an error, and the tests compare every pair of characters, and
// Arabic words with every mark, with HarfBuzz, and each outline.
//
// Sources: W3C "WOFF File Format 2.0"; OpenType 1.9.1; Unicode Standard Annex 9,
// through the bidi package of go-text; Unicode Technical Report 53. There is nothing to recover
// after a crash.
//
// BUG: U+2044 makes no fraction; U+200C, which Persian writes between letters that
// do not join, is left out.
package letters
