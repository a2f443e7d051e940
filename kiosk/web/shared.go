package web

import "io/fs"

// sharedAssets are the files that the desk's page has in common with this one; to
// them belong the letters (text-*.woff2), since a name may be in any of the scripts.
var sharedAssets = []string{"fonts.css", "tokens.css", "link.js", "rows.js", "words.js", "mark.svg", "OFL.txt"}

// SharedAssets gives the look, the words, the lists and the line to the gateway that all
// pages of the product have in common, by their paths.
func SharedAssets() map[string][]byte {
	out := map[string][]byte{}
	letters, err := fs.Glob(files, "assets/text-*.woff2")
	if err != nil || len(letters) == 0 {
		panic("the embedded letters are missing")
	}
	for _, name := range sharedAssets {
		letters = append(letters, "assets/"+name)
	}
	for _, name := range letters {
		b, err := files.ReadFile(name)
		if err != nil {
			panic("embedded file " + name + " is missing")
		}
		out["/"+name] = lean(name, b)
	}
	return out
}
