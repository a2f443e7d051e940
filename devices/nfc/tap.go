package nfc

// goneAfter is for how many looks in a row a field must be empty before the card
// counts as taken away. A card that is held by hand flickers.
const goneAfter = 3

// tap turns looks into taps: a card that lies on the reader is one tap until it was
// taken away, and another one is another tap at once. It is pure.
type tap struct {
	held   string // what is on the reader; empty: nothing
	misses int    // empty looks in a row since
}

// see takes what a look saw, empty for nothing, and reports whether that is a new
// tap.
func (t *tap) see(what string) (fresh bool) {
	if what == "" {
		if t.misses++; t.misses >= goneAfter {
			t.held = ""
		}
		return false
	}
	t.misses = 0
	fresh = what != t.held
	t.held = what
	return fresh
}

// again makes the next look at what is held a new tap.
func (t *tap) again() { t.held = "" }
