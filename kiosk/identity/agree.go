package identity

// How much more than the list a claim may say. A list often has one surname and
// one given name of somebody who has more; nobody gets to try many names at once.
//
// More is taken at the end of the claim alone, or where a comma parts surnames
// from given names. In the middle it may be either: in "Ana Gil Roe" the second
// word is a given name that the list lacks, or the first surname of somebody else;
// of "Roe Jim Tim" it may be a given name, and Tim Roe his twin.
const (
	moreSurnames = 1
	moreGivens   = 2
)

// agrees reports whether a claimed name can be that of a reading. Every way to
// take the claim apart, surname first or last, is gone through to its end.
func (r reading) agrees(n name) bool {
	found := n.words != nil && r.whole.equal(join(n.words))
	for k := 1; k < len(n.words); k++ {
		head, tail := n.words[:k], n.words[k:]
		at, surnames, givens := n.comma == 0 || n.comma == k, 0, 0
		if n.comma == k {
			surnames, givens = moreSurnames, moreGivens
		}
		found = r.parted(head, tail, givens, moreSurnames) && at || found
		found = r.parted(tail, head, moreGivens, surnames) && at || found
	}
	return found && (r.suffix == "" || n.suffix == "" || r.suffix == n.suffix)
}

// parted compares given names and surnames, of which there may be some more than
// the list has.
func (r reading) parted(given, family []word, moreGivens, moreSurnames int) bool {
	if len(r.given) == 0 || len(r.family) == 0 {
		return false
	}
	g, f := givens(given), surnames(family)
	named := !given[0].initial()
	if vietnamese[r.family[0].forms[0].plain] {
		named = vietnameseGiven(g, r.given) && named
		named = covers(f, r.family, 0, nil) && named
	} else {
		named = covers(g, r.given, moreGivens, r.family) && named
		named = covers(f, r.family, moreSurnames, r.given) && named
	}
	return named
}

// covers reports whether claimed units name the list's: the first of the list's
// in full and, of the others, any in their order, whole or by their initial.
// Where the list has one only, the claim may go on with some more that are not
// among those that stand elsewhere in the list's name. The order counts: José
// María is the brother of María José.
func covers(claim, list []unit, more int, elsewhere []unit) bool {
	m, n := len(claim), len(list)
	// ok[j] tells whether claim[:i] is named by list[:j]; one row for each i.
	rows := make([][]bool, m+1)
	for i := range rows {
		rows[i] = make([]bool, n+1)
	}
	rows[0][0] = true
	for i := 1; i <= m; i++ {
		for j := 1; j <= n; j++ {
			ok := j > 1 && rows[i][j-1] // list[j-1] is left out
			for a := range i {          // several words are one name, as in "Mac Donald"
				ok = rows[a][j-1] && span(claim[a:i]).equal(list[j-1]) || ok
			}
			for b := range j { // one word is several names, as in "Maryann"
				ok = rows[i-1][b] && claim[i-1].equal(span(list[b:j])) || ok
			}
			one, other := claim[i-1].forms[0], list[j-1].forms[0]
			initials := one.initial() && other.beginsWith(one) || other.initial() && one.beginsWith(other)
			ok = j > 1 && initials && rows[i-1][j-1] || ok
			rows[i][j] = ok
		}
	}
	found := rows[m][n]
	for p := 1; p < m; p++ {
		free := p >= m-more && !span(claim[p:]).forms[0].ideographic()
		initials := true // which are no surnames
		for _, u := range claim[p:] {
			initials = u.forms[0].initial() && initials
			for _, o := range elsewhere {
				free = !u.equal(o) && free
			}
		}
		free = free || initials
		found = n == 1 && rows[p][1] && free || found
	}
	return found
}

// vietnameseGiven compares given names of which the last is the one that people
// go by. The middle names for "woman" and "man" may be missing on either side;
// where both have one they must be the same.
func vietnameseGiven(claim, list []unit) bool {
	c, cm := withoutMiddle(claim)
	l, lm := withoutMiddle(list)
	same := covers(c, l, moreGivens, nil)
	same = covers(c, l[len(l)-1:], 0, nil) || same
	return same && (cm == "" || lm == "" || cm == lm)
}

func withoutMiddle(units []unit) (rest []unit, said string) {
	for i, u := range units {
		if w := u.forms[0].plain; middle[w] && i < len(units)-1 {
			said = w
		} else {
			rest = append(rest, u)
		}
	}
	if len(rest) == 0 {
		return units, ""
	}
	return rest, said
}
