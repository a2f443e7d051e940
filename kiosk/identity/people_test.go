package identity_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/phi"

	"pgregory.net/rapid"
)

// A people is made-up persons of one culture. Each of its names is one person's
// name and nobody else's: no two become the same when marks are taken off.
type people struct {
	given, surnames []string
	double          bool   // a second surname
	particle        string // before a surname, sometimes
	middle          bool   // a Vietnamese middle name, and the last name counts
	native          bool   // written together, surname first, nothing left out
}

var world = []people{
	{given: []string{"Juan", "Juana", "María", "José", "Mario", "Luis", "Luisa", "Ana", "Anaí", "Begoña"}, surnames: []string{"García", "López", "Pérez", "Peralta", "Núñez", "Garza"}, double: true, particle: "de la "},
	{given: []string{"John", "Jon", "Joan", "Mary", "Marie", "Ann", "Anna", "Hannah", "Johnny"}, surnames: []string{"O'Brien", "Brown", "Browne", "Smith", "Smyth", "MacDonald", "McDowell"}, double: true},
	{given: []string{"Jörg", "Jürgen", "Jan", "Jana", "Käthe", "Karl-Heinz", "Karl-Otto", "Änne", "Hanne"}, surnames: []string{"Müller", "Möller", "Miller", "Weiß", "Weis", "Schröder", "Schrader"}, particle: "von der "},
	{given: []string{"Hoa", "Lan", "Nam", "Ngọc", "Minh", "Phương", "Châu"}, surnames: []string{"Nguyễn", "Trần", "Đặng", "Lê", "Phạm"}, middle: true},
	{given: []string{"أحمد", "محمد", "محمود", "حامد", "فاطمة", "عبد الله", "عبد الرحمن"}, surnames: []string{"المصري", "حسن", "حسين", "الحسني", "القاضي"}},
	{given: []string{"小龙", "小虎", "龙", "娜", "娜娜", "伟"}, surnames: []string{"李", "王", "欧阳", "欧"}, native: true},
	{given: []string{"İnci", "Işıl", "Işın", "Çağla", "Gül", "Gökçe"}, surnames: []string{"Yılmaz", "Yıldız", "Şahin", "Öztürk"}},
}

const german = 2

// person is somebody; names are places in the lists of their people.
type person struct {
	folk            int
	given, surnames []int
	particle        bool
	woman           bool
	birth           string
	time, phone     string
}

// pick chooses one of n: rapid's choice or a seeded one's.
type pick func(n int) int

func (pick pick) coin() bool { return pick(2) == 0 }

func (pick pick) person(folk int) person {
	p := person{folk: folk, particle: pick(3) == 0, woman: pick.coin(), birth: fmt.Sprintf("19%02d-0%d-1%d", pick(80)+10, pick(9)+1, pick(10))}
	w := world[p.folk]
	p.given, p.surnames = []int{pick(len(w.given))}, []int{pick(len(w.surnames))}
	if g := pick(len(w.given)); pick.coin() && g != p.given[0] && !w.native && !w.middle {
		p.given = append(p.given, g)
	}
	if s := pick(len(w.surnames)); w.double && pick.coin() && s != p.surnames[0] {
		p.surnames = append(p.surnames, s)
	}
	p.time, p.phone = fmt.Sprintf("%02d:%d0", pick(9)+8, pick(6)), fmt.Sprintf("%02d", pick(100))
	return p
}

// confusable is somebody who is easily taken for p.
func (pick pick) confusable(p person) person {
	q := pick.person(p.folk)
	q.birth, q.particle = p.birth, p.particle
	w := world[p.folk]
	other := func(n, not int) int { return (not + 1 + pick(n-1)) % n }
	switch pick(8) {
	case 0: // a twin
		q.surnames, q.given = p.surnames, []int{other(len(w.given), p.given[0])}
		q.phone = p.phone
	case 1: // a twin with a name in common
		q.surnames, q.given = p.surnames, append([]int{p.given[0]}, q.given...)
		q.given = q.given[:min(2, len(p.given))]
		q.phone = p.phone
	case 2: // a twin with the names the other way round
		q.surnames, q.given = p.surnames, slices.Clone(p.given)
		slices.Reverse(q.given)
		q.woman = !p.woman
	case 3: // parent and child
		q.given, q.surnames, q.birth = p.given, p.surnames, "1931"+p.birth[4:]
		q.phone = p.phone
	case 4: // cousins
		q.given, q.surnames = p.given, slices.Clone(p.surnames)
		n := len(q.surnames) - 1
		q.surnames[n] = other(len(w.surnames), q.surnames[n])
	case 5: // the surnames the other way round
		q.given, q.surnames = p.given, slices.Clone(p.surnames)
		slices.Reverse(q.surnames)
	case 6: // the same name and birth date
		q.given, q.surnames, q.woman = p.given, p.surnames, p.woman
		if pick.coin() {
			q.time = p.time
		}
	case 7: // one who goes on where the other stops
		q.given, q.surnames = slices.Clone(p.given[:1]), slices.Clone(p.surnames[:1])
	}
	return q
}

// shape is what of a name is written.
type shape struct {
	given, surnames []int
	middle          bool
	order           int  // given names first, surnames first, or those and a comma
	joined          bool // given names as one word
}

const (
	givenFirst = iota
	surnameFirst
	surnameComma
)

func (p person) full() shape {
	return shape{given: p.given, surnames: p.surnames, middle: world[p.folk].middle}
}

// short leaves out what may be left out.
func (pick pick) short(s shape) shape {
	if pick.coin() {
		s.given = s.given[:1]
	}
	if pick.coin() {
		s.surnames = s.surnames[:1]
	}
	s.middle = s.middle && pick.coin()
	return s
}

// fits tells, from the names alone, whether a claim could also be a writing of
// what the list says of somebody.
func fits(p person, claim shape, q person, list shape) bool {
	// A list of one name may be short of some; a claim may be short of any but the first.
	part := func(claim, list []int, more bool) bool {
		return claim[0] == list[0] && (len(list) == 1 && more || len(claim) == 1 || slices.Equal(claim, list))
	}
	if p.folk != q.folk || p.birth != q.birth || claim.middle && list.middle && p.woman != q.woman {
		return false
	}
	// What the list lacks may stand at the end of the claim, or at a comma.
	givens := !claim.joined && claim.order != givenFirst
	surnames := claim.order != surnameFirst
	return part(claim.given, list.given, givens) && part(claim.surnames, list.surnames, surnames)
}

// words gives the names of a shape.
func (p person) words(s shape, particle bool) (given, family string) {
	w := world[p.folk]
	var g, f []string
	for _, i := range s.given {
		g = append(g, w.given[i])
	}
	if s.middle {
		g = slices.Insert(g, 0, map[bool]string{true: "Thị", false: "Văn"}[p.woman])
	}
	for _, i := range s.surnames {
		f = append(f, w.surnames[i])
	}
	if particle && p.particle {
		f[0] = w.particle + f[0]
	}
	return strings.Join(g, " "), strings.Join(f, " ")
}

var (
	bare    = strings.NewReplacer("í", "i", "é", "e", "ú", "u", "ñ", "n", "á", "a", "ó", "o", "ö", "o", "ü", "u", "ä", "a", "Ä", "A", "ß", "ss", "ễ", "e", "ầ", "a", "ê", "e", "ạ", "a", "Đ", "D", "ặ", "a", "ị", "i", "ă", "a", "ọ", "o", "ư", "u", "ơ", "o", "â", "a", "İ", "I", "ı", "i", "ş", "s", "Ş", "S", "ç", "c", "Ç", "C", "ğ", "g", "Ö", "O", "أ", "ا", "ة", "ه")
	spelled = strings.NewReplacer("ö", "oe", "ü", "ue", "ä", "ae", "Ä", "Ae", "ß", "ss")
)

// row is how the list has a person.
func (pick pick) row(name string, p person, s shape) identity.Candidate {
	given, family := p.words(s, true)
	if world[p.folk].double && len(s.surnames) == 2 && pick.coin() {
		family = strings.Replace(family, " "+world[p.folk].surnames[s.surnames[1]], "-"+world[p.folk].surnames[s.surnames[1]], 1)
	}
	write := []func(string) string{func(s string) string { return s }, strings.ToUpper, bare.Replace}[pick(3)]
	if p.folk == german {
		write = strings.ToUpper // a list that lost its umlauts does not find who spells them out: Moller is not Moeller
	}
	c := identity.Candidate{Person: name, Birth: phi.New(p.birth), Family: phi.New(write(family)), Given: phi.New(write(given)), Time: phi.New(p.time), Phone: phi.New(p.phone)}
	if world[p.folk].native && pick.coin() {
		c.Native, c.Family, c.Given = phi.New(family+given), phi.New("Roman"), phi.New("Letters")
	}
	return c
}

// typed is how a person types a name.
func (pick pick) typed(p person, s shape) string {
	given, family := p.words(s, pick.coin())
	if s.joined {
		given = strings.Replace(given, " ", "", 1)
	}
	text := []string{given + " " + family, family + " " + given, family + ", " + given}[s.order]
	if world[p.folk].native {
		text = family + given
	}
	switch pick(6) {
	case 0:
		text = bare.Replace(text)
	case 1:
		if p.folk == german {
			text = spelled.Replace(text)
		}
	case 2:
		text = strings.NewReplacer("-", " ", "'", "").Replace(text)
	case 3:
		text = strings.NewReplacer("'", " ", "-", "").Replace(text)
	case 4:
		text = strings.NewReplacer("'", "’", "Mac", "mac ").Replace(text)
	}
	return []func(string) string{func(s string) string { return s }, strings.ToLower, strings.ToUpper}[pick(3)](text)
}

// tally counts what became of pairs.
type tally struct{ pairs, expected, hits, asked, desk, none, short, wrong int }

// pair makes two people who are easily confused, lets the first make a claim, and
// checks the answer against what fits says.
func (pick pick) pair(n *tally) (problem string) {
	a := pick.person(pick(len(world)))
	b := pick.confusable(a)
	listedA, listedB := a.full(), b.full()
	if pick(4) == 0 {
		listedA, listedB = pick.short(listedA), pick.short(listedB)
	}
	list := []identity.Candidate{pick.row("b", b, listedB)}
	namesakes := a.birth == b.birth && slices.Equal(a.given, b.given) && slices.Equal(a.surnames, b.surnames)
	here := pick.coin() || namesakes // one who is not expected and the same to the day cannot be told from who is
	said := a.full()
	if here {
		n.expected++
		list = append(list, pick.row("a", a, listedA))
		said = pick.short(said)
	}
	if pick.coin() {
		slices.Reverse(list)
	}
	said.order, said.joined = pick(3), len(said.given) == 2 && a.folk < german && pick(6) == 0
	c := identity.Claim{Birth: phi.New(a.birth), Name: phi.New(pick.typed(a, said))}
	describe := func() string {
		text := fmt.Sprintf("%q born %s among", c.Name.Reveal(), a.birth)
		for _, o := range list {
			text += fmt.Sprintf(" %s=%q,%q,%q born %s", o.Person, o.Family.Reveal(), o.Given.Reveal(), o.Native.Reveal(), o.Birth.Reveal())
		}
		return text
	}
	fitsA, fitsB := here && fits(a, said, a, listedA), fits(a, said, b, listedB)
	got := identity.Match(c, list)
	if asks := got.Verdict == identity.AskTime; asks != (fitsA && fitsB) {
		return fmt.Sprintf("%s: verdict %d", describe(), got.Verdict)
	}
	n.pairs++
	if got.Verdict == identity.AskTime {
		n.asked++
		c.Time = phi.New(a.time)
		if got = identity.Match(c, list); got.Verdict == identity.AskPhone {
			c.Phone = phi.New(a.phone)
			got = identity.Match(c, list)
		}
		if got.Verdict != identity.Desk && (got.Verdict != identity.One || list[got.Found[0]].Person != "a") || got.Verdict == identity.Desk && (a.time != b.time || a.phone != b.phone) {
			return fmt.Sprintf("%s, with both factors: verdict %d", describe(), got.Verdict)
		}
	}
	switch {
	case got.Verdict == identity.Desk:
		n.desk++
	case got.Verdict == identity.None:
		n.none++
		if fitsA {
			return describe() + ": not found"
		}
	case list[got.Found[0]].Person == "a":
		n.hits++
	case fitsB:
		n.short++ // what would tell them apart is not on the list
	default:
		n.wrong++
		return describe() + ": wrong person"
	}
	return ""
}

func TestTenThousandConfusablePairs(t *testing.T) {
	var n tally
	rng := rand.New(rand.NewPCG(3, 2026))
	for n.pairs < 10_000 {
		if problem := pick(rng.IntN).pair(&n); problem != "" {
			t.Error(problem)
			if n.pairs++; t.Failed() && n.pairs > 10_000 {
				break
			}
		}
	}
	t.Logf("%d pairs: of %d who are expected %d found (%d were asked one factor more) and %d sent to the desk; %d others and badly written got nobody; %d not expected, and the list has only the part of another's name that is theirs too; wrong %d",
		n.pairs, n.expected, n.hits, n.asked, n.desk, n.none, n.short, n.wrong)
	if n.wrong > 0 || n.hits*100 < n.expected*95 || n.asked < 1000 || n.none < 2000 || n.short > 400 {
		t.Errorf("the pairs are not what they should be: %+v", n)
	}
}

func TestConfusablePairs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		i := 0
		p := pick(func(n int) int { i++; return rapid.IntRange(0, n-1).Draw(rt, fmt.Sprint("choice ", i)) })
		if problem := p.pair(new(tally)); problem != "" {
			rt.Fatal(problem)
		}
	})
}

// Whoever types anything: no panic, no answer with nobody in it, and a list that
// does not have the birth date gives nobody.
func FuzzMatch(f *testing.F) {
	for _, s := range []string{"Nguyễn Thị Hoa", "García López, Juan", "محمد أحمد", "李小龙", "O'Brien-Smith", "van der Berg", "عبد", "Mac", "O", "Jr", "ß", "İ", "ー", "\u0301", "\xff", "a\u0308 b", strings.Repeat("a ", 200), "ﷺ", "fnu lnu", "de la", "ｶﾞ"} {
		f.Add(s, s, s, "", born)
		f.Add(s, "Smith", "John", s, born)
	}
	f.Fuzz(func(t *testing.T, said, family, given, native, birth string) {
		list := []identity.Candidate{row("1", born, "Smith | John"), {Person: "2", Birth: phi.New(born), Family: phi.New(family), Given: phi.New(given), Native: phi.New(native)}}
		got := identity.Match(claim(birth, said), list)
		if (got.Verdict == identity.One) != (len(got.Found) > 0) || birth != born && got.Verdict != identity.None {
			t.Errorf("%q: %+v", said, got)
		}
		again := identity.Match(claim(birth, strings.ToUpper(strings.ToLower(said))), list[:1])
		if got := identity.Match(claim(birth, said), list[:1]); got.Verdict == identity.One && again.Verdict != identity.One {
			t.Errorf("%q is found, and not in capitals", said)
		}
	})
}
