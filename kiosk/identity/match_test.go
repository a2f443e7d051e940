package identity_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"clinicgate/kiosk/identity"
	"clinicgate/kiosk/phi"
)

// row is "family | given | native".
func row(person, birth, names string) identity.Candidate {
	part := append(strings.Split(names, "|"), "", "")
	return identity.Candidate{Person: person, Birth: phi.New(birth), Family: phi.New(strings.TrimSpace(part[0])),
		Given: phi.New(strings.TrimSpace(part[1])), Native: phi.New(strings.TrimSpace(part[2]))}
}

func claim(birth, name string) identity.Claim {
	return identity.Claim{Birth: phi.New(birth), Name: phi.New(name)}
}

const born = "1980-02-29"

func TestNamesAgreeHoweverTheyAreWritten(t *testing.T) {
	for names, writings := range map[string][]string{
		"Nguyễn | Thị Hoa":        {"Nguyễn Thị Hoa", "nguyen thi hoa", "Hoa Nguyen", "Nguyen Hoa", "Hoa Thi Nguyen", "NGUYỄN HOA", "Hoa Thị Nguyễn", "Nguye\u0302\u0303n Thi Hoa"},
		"Nguyen | Hoa":            {"Nguyễn Thị Hoa", "Hoa Nguyễn"},
		"Nguyễn Thị Hoa":          {"Nguyễn Thị Hoa", "Hoa Nguyen", "nguyen hoa"},
		"Đặng | Văn Nam":          {"Dang Van Nam", "Nam Dang", "dang nam", "Đặng Văn Nam"},
		"Lê | Minh Anh":           {"Le Minh Anh", "Anh Le", "Minh Anh Lê"},
		"García López | Juan":     {"Juan García López", "juan garcia", "García López, Juan", "Garcia Juan", "JUAN GARCIA-LOPEZ", "Juan Garcialopez"},
		"García | Juan":           {"Juan García López", "García, Juan Carlos", "García López, Juan", "García Juan Carlos", "Juan, García López"},
		"de la Cruz | María José": {"María José de la Cruz", "Maria Cruz", "Maria Jose Delacruz", "mariajose lacruz", "Cruz Maria J", "Maria De La Cruz"},
		"محمد | أحمد":             {"أحمد محمد", "احمد محمد", "محمد احمد", "أَحْمَد مُحَمَّد"},
		"Al-Masri | Ahmad | أحمد علي المصري": {"Ahmad Al Masri", "Ahmad Masri", "ahmad almasri", "أحمد المصري", "احمد علي المصرى", "مصري أحمد"},
		"عبد الله | فاطمة":                   {"فاطمة عبدالله", "فاطمه عبد الله"},
		"Li | Xiaolong | 李小龙":                {"李小龙", "李 小龙", "Xiaolong Li", "Li Xiao Long", "Ｌｉ Ｘｉａｏｌｏｎｇ", "xiao-long LI"},
		"李 | 娜":                              {"李娜", "李 娜", "娜 李", "李　娜"},
		"欧阳 | 娜娜":                            {"欧阳娜娜"},
		"김 | 민준":                             {"김민준", "김 민준", "민준 김"},
		"ヤマダ | タロウ":                          {"ﾔﾏﾀﾞ ﾀﾛｳ", "やまだたろう", "ヤマダタロウ"},
		"O'Brien-Smith | Mary Ann":           {"Mary Ann O'Brien-Smith", "Mary O’Brien Smith", "maryann obriensmith", "Mary-Ann O Brien", "OBrien Mary", "Mary A. O'Brien Smith"},
		"Müller | Jörg":                      {"Jörg Müller", "Joerg Mueller", "Jorg Muller", "MUELLER Jörg"},
		"Mueller | Joerg":                    {"Jörg Müller", "joerg mueller"},
		"Weiß | Änne":                        {"Weiss Aenne", "Anne Weiß", "ÄNNE WEISS"},
		"Işık | İnci":                        {"Inci Isik", "IŞIK İNCİ", "ışık inci"},
		"van der Berg | Jan":                 {"Jan van der Berg", "jan vanderberg", "Berg, Jan", "Jan Van Der Berg", "van der Berg Jan"},
		"Mac Donald | Iain":                  {"Iain MacDonald", "iain mac donald"},
		"Smith Jr. | John":                   {"John Smith Jr", "John Smith", "Smith Jr John", "Smith, John Albert, Jr.", "John A. Smith Jr."},
		"Smith | John A.":                    {"John Smith", "Smith, John Albert", "Smith John Albert", "John A Smith", "Smith John A."},
		"Suharto":                            {"suharto"},
		"Suharto | FNU":                      {"Suharto"},
		"राम | सीता":                         {"सीता राम"},
		"Łukasiewicz | Żaneta":               {"Zaneta Lukasiewicz"},
		"Sørensen | Åse":                     {"Aase Soerensen", "Ase Sorensen"},
	} {
		for _, w := range writings {
			if got := identity.Match(claim(born, w), []identity.Candidate{row("1", born, names)}); got.Verdict != identity.One || !slices.Equal(got.Found, []int{0}) {
				t.Errorf("%q does not find %q", w, names)
			}
			if got := identity.Match(claim("1980-02-28", w), []identity.Candidate{row("1", born, names)}); got.Verdict != identity.None {
				t.Errorf("%q of another day finds %q", w, names)
			}
		}
	}
}

func TestNamesThatAreNotTheSame(t *testing.T) {
	for names, others := range map[string][]string{
		"Smith | John":             {"John", "Smith", "J Smith", "Jon Smith", "John Smyth", "Johnny Smith", "", " - ", "John Jones", "Albert John Smith", "John Albert Smith", "John Smith Jones Brown", "Jane Smith"},
		"Smith Sr. | John":         {"John Smith Jr"},
		"García López | Juan":      {"Juan García Pérez", "Juan López García", "Juan López", "Juana García", "García López", "Juan"},
		"García | María José":      {"José María García", "José García", "María Luisa García", "J García"},
		"Muller | Jorg":            {"Joerg Mueller"},
		"O'Brien-Smith | Mary Ann": {"Mary Smith", "Ann O'Brien", "Mary O", "Mary Brien"},
		"Roe | Tim":                {"Roe Jim Tim", "Jim Tim Roe", "Roe, Jim Tim", "Tim Gil Roe", "Tim Anna Gil Roe", "Roe, Tim Anna Lena Maria"},
		"Dupont | Jean-Pierre":     {"Jean Dupont", "Jean-Paul Dupont", "Pierre Dupont"},
		"Nguyễn | Văn Hoa":         {"Nguyễn Thị Hoa", "Nguyen Van", "Nguyễn Văn Hòang"},
		"Nguyễn | Thị Hoa":         {"Nguyễn Thị Lan", "Nguyễn Thị", "Hoa Thị"},
		"李 | 小龙":                   {"李小", "李龙", "小龙", "李小虎", "Li Xiaolong", "李小龙女"},
		"李 | 小":                    {"李小龙"},
		"Li | Xiaolong":            {"李小龙"},
		"محمد | أحمد":              {"محمد محمود", "أحمد", "Muhammad Ahmad"},
		"عبد الله | فاطمة":         {"فاطمة عبد الرحمن", "فاطمة عبد"},
		"राम | सीता":               {"सीता रम", "सीतु राम"}, // the vowels are marks
		"J | Smith":                {"John Smith", "J Jones"},
		"Smith | J":                {"J Smith", "John Smith"},
		"Suharto":                  {"Suharto Smith", "John Suharto"},
		"FNU | LNU":                {"fnu lnu", ""},
	} {
		for _, o := range others {
			if got := identity.Match(claim(born, o), []identity.Candidate{row("1", born, names)}); got.Verdict != identity.None || got.Found != nil {
				t.Errorf("%q finds %q", o, names)
			}
		}
	}
}

func TestOneMoreFactorOnlyForMoreThanOne(t *testing.T) {
	with := func(c identity.Candidate, at, phone string) identity.Candidate {
		c.Time, c.Phone = phi.New(at), phi.New(phone)
		return c
	}
	list := []identity.Candidate{
		with(row("father", "1950-05-05", "Smith | John"), "09:00", "11"),
		with(row("son", "1980-05-05", "Smith | John"), "09:00", "11"),
		with(row("twin-1", born, "García | Ana María"), "10:00", "22"),
		with(row("twin-2", born, "García | Ana Luisa"), "10:30", "22"),
		with(row("same-1", born, "Lee | Kim"), "11:00", "33"),
		with(row("same-2", born, "Lee | Kim"), "11:00", "44"),
		with(row("same-3", born, "Lee | Kim"), "11:00", "44"),
		with(row("twice", born, "Roe | Jane"), "12:00", ""),
		with(row("twice", born, "Roe | Jane"), "14:00", ""),
		with(row("nobirth", "", "Doe | Jim"), "12:00", ""),
	}
	for _, c := range []struct {
		birth, name, time, phone string
		want                     identity.Verdict
		found                    string
	}{
		{"1950-05-05", "John Smith", "", "", identity.One, "[0]"},
		{"1980-05-05", "John Smith", "", "", identity.One, "[1]"},
		{"1981-05-05", "John Smith", "", "", identity.None, "[]"},
		{born, "Ana María García", "", "", identity.One, "[2]"},
		{born, "Ana García", "", "", identity.AskTime, "[]"},
		{born, "Ana García", "10:30", "", identity.One, "[3]"},
		{born, "Ana García", "10:31", "", identity.None, "[]"},
		{born, "Ana García", "", "22", identity.Desk, "[]"},
		{born, "Kim Lee", "", "", identity.AskTime, "[]"},
		{born, "Kim Lee", "11:00", "", identity.AskPhone, "[]"},
		{born, "Kim Lee", "11:00", "33", identity.One, "[4]"},
		{born, "Kim Lee", "", "33", identity.One, "[4]"}, // does not know the time
		{born, "Kim Lee", "11:00", "44", identity.Desk, "[]"},
		{born, "Kim Lee", "11:00", "55", identity.None, "[]"},
		{born, "Jane Roe", "", "", identity.One, "[7 8]"}, // one person, two appointments
		{born, "Jane Roe", "14:00", "", identity.One, "[8]"},
		{"", "Jim Doe", "", "", identity.None, "[]"},
		{"yesterday", "Jane Roe", "", "", identity.None, "[]"},
		{born, "Jane Roe", "two", "", identity.None, "[]"},
		{born, strings.Repeat("Jane Roe ", 100), "", "", identity.None, "[]"},
		{born, strings.Repeat("Jane Roe ", 9), "", "", identity.None, "[]"},
	} {
		in := claim(c.birth, c.name)
		in.Time, in.Phone = phi.New(c.time), phi.New(c.phone)
		if got := identity.Match(in, list); got.Verdict != c.want || fmt.Sprint(got.Found) != c.found {
			t.Errorf("%s %s %s %s: %+v", c.birth, c.name, c.time, c.phone, got)
		}
	}
}

// A wrong date, a wrong name and a stranger are told the same after the same
// work. Allocations stand for work: they count every fold and comparison, and do
// not depend on the machine.
func TestWrongAndUnknownCostTheSame(t *testing.T) {
	var list []identity.Candidate
	for i := range 50 {
		list = append(list, row(fmt.Sprint(i), born, []string{"García López | Juan", "Nguyễn | Thị Hoa", "O'Brien | Mary", "李 | 小龙 | 李小龙"}[i%4]))
	}
	list[25] = row("25", "1990-01-01", "Abcdef | Qrst")
	work := func(birth, name string) (float64, identity.Verdict) {
		c := claim(birth, name)
		v := identity.Match(c, list).Verdict
		least := math.Inf(1) // what else the process does, such as collecting garbage, only adds
		for range 5 {
			least = min(least, testing.AllocsPerRun(5, func() { identity.Match(c, list) }))
		}
		return least, v
	}
	want, _ := work("1990-01-02", "Uvwx Ghijkl") // a stranger
	for what, c := range map[string][2]string{
		"wrong birth": {"1990-01-02", "Qrst Abcdef"},
		"wrong name":  {"1990-01-01", "Qrst Abcdeg"},
		"wrong given": {"1990-01-01", "Qrsu Abcdef"},
	} {
		if got, v := work(c[0], c[1]); got != want || v != identity.None {
			t.Errorf("%s: %v allocations and verdict %d, a stranger %v", what, got, v, want)
		}
	}
	if right, v := work("1990-01-01", "Qrst Abcdef"); v != identity.One || right-want > 10 {
		t.Errorf("the right one: %v allocations and verdict %d, a stranger %v", right, v, want)
	}
}

// One claim against three hundred people, short and as long as may be.
func BenchmarkMatch(b *testing.B) {
	var list []identity.Candidate
	for i := range 300 {
		list = append(list, row(fmt.Sprint(i), born, []string{"García López | Juan Carlos", "Nguyễn | Thị Hoa", "O'Brien | Mary", "Li | Xiaolong | 李小龙"}[i%4]))
	}
	for _, name := range []string{"Juan Pérez", strings.Repeat("Ann Lee ", 8)} {
		b.Run(fmt.Sprint(len(strings.Fields(name)), " words"), func(b *testing.B) {
			for b.Loop() {
				identity.Match(claim(born, name), list)
			}
		})
	}
}
