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
//	text ─▶ bidi: runs ─▶ a font for each character ─▶ HarfBuzz: glyphs ─▶ outlines ─▶ ink
//	                      WOFF2 ─▶ SFNT (woff2.go)
//
// Sources: W3C "WOFF File Format 2.0"; Unicode Standard Annex 9 through
// golang.org/x/text. There is nothing to recover after a crash.
package letters
