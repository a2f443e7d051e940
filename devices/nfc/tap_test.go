package nfc

import "testing"

func TestTap(t *testing.T) {
	// One letter for each look: a card, or a dot for nothing. A capital is a new tap.
	for _, looks := range []string{
		"Aaaaaa",
		"Aaa.aa..aa",      // flickers
		"Aaa...Aaa",       // and again
		"Aaa...",          //
		"AaaBbbAaa",       // another one at once
		"Aaa..Bbb",        //
		"Aa.a.a.a.a.a.aa", // a flicker is no sum of flickers
		"...A...A",        //
	} {
		var tp tap
		for i, c := range looks {
			what := ""
			if c != '.' {
				what = string(c | 0x20)
			}
			if got, want := tp.see(what), c >= 'A' && c <= 'Z'; got != want {
				t.Errorf("%s: look %d is a new tap: %v", looks, i+1, got)
			}
		}
	}
	var tp tap
	tp.see("a")
	tp.again()
	if !tp.see("a") {
		t.Error("what is to be read again is no new tap")
	}
}
