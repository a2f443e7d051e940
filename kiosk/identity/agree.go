package identity

// agrees reports whether a claimed name can be that of a reading. Every way to
// take the claim apart, surname first or last, is gone through to its end.
func (r reading) agrees(n name) bool {
	found := r.whole.equal(n.whole)
	for _, p := range n.parts {
		found = r.parted(p) || found
	}
	return found && (r.suffix == "" || n.suffix == "" || r.suffix == n.suffix)
}

// parted compares given names and surnames.
func (r reading) parted(p part) bool {
	if len(r.family.units) == 0 {
		return false
	}
	named := !p.given.initial
	if r.vietnamese {
		named = vietnameseGiven(p.given, r.given) && named
		named = covers(p.family, r.family, 0, block{}) && named
	} else {
		named = covers(p.given.all, r.given.all, p.moreGivens, r.family) && named
		named = covers(p.family, r.family, p.moreFamily, r.given.all) && named
	}
	return named
}

// covers reports whether claimed units name the list's: the first of the list's
// in full and, of the others, any in their order, whole or by their initial.
// Where the list has one only, the claim may go on with some more that are not
// among those that stand elsewhere in the list's name. The order counts: José
// María is the brother of María José.
func covers(claim, list block, more int, elsewhere block) bool {
	m, n := len(claim.units), len(list.units)
	// rows[i][j] tells whether the first i of the claim are named by the first j of the list.
	rows := make([][]bool, m+1)
	for i := range rows {
		rows[i] = make([]bool, n+1)
	}
	rows[0][0] = true
	for i := 1; i <= m; i++ {
		for j := 1; j <= n; j++ {
			ok := j > 1 && rows[i][j-1] // the list's is left out
			for a := range i {          // several words are one name, as in "Mac Donald"
				ok = claim.runs[a][i].equal(list.units[j-1]) && rows[a][j-1] || ok
			}
			for b := range j { // one word is several names, as in "Maryann"
				ok = claim.units[i-1].equal(list.runs[b][j]) && rows[i-1][b] || ok
			}
			one, other := claim.units[i-1].forms[0], list.units[j-1].forms[0]
			initials := one.initial() && other.beginsWith(one) || other.initial() && one.beginsWith(other)
			rows[i][j] = j > 1 && initials && rows[i-1][j-1] || ok
		}
	}
	found := rows[m][n]
	for p := 1; p < m; p++ {
		free := p >= m-more && !claim.runs[p][m].forms[0].ideographic()
		initials := true // which are no surnames
		for _, u := range claim.units[p:] {
			initials = u.forms[0].initial() && initials
			for _, o := range elsewhere.units {
				free = !u.equal(o) && free
			}
		}
		found = n == 1 && rows[p][1] && (free || initials) || found
	}
	return found
}

// vietnameseGiven compares given names of which the last is the one that people
// go by. The middle names for "woman" and "man" may be missing on either side;
// where both have one they must be the same.
func vietnameseGiven(claim, list given) bool {
	same := covers(claim.rest, list.rest, moreGivens, block{})
	same = covers(claim.rest, list.rest.last(), 0, block{}) || same
	return same && (claim.middle == "" || list.middle == "" || claim.middle == list.middle)
}
