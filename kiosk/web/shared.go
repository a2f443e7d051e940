package web

// sharedAssets are the files that the desk's page has in common with this one.
var sharedAssets = []string{"tokens.css", "link.js", "words.js", "mark.svg", "text-latin.woff2", "text-latin-ext.woff2", "OFL.txt"}

// SharedAssets gives the look, the words and the line to the gateway that all
// pages of the product have in common, by their paths.
func SharedAssets() map[string][]byte {
	out := map[string][]byte{}
	for _, name := range sharedAssets {
		b, err := files.ReadFile("assets/" + name)
		if err != nil {
			panic("embedded file " + name + " is missing")
		}
		out["/assets/"+name] = b
	}
	return out
}
