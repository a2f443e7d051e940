// Package aamvatest makes licences of people who do not exist, as issuers of
// every version of the AAMVA standard would encode them, and damages them as
// scanners and issuers do. It is for tests and the demo, and knows the standard
// on its own: it shares no code with the reader.
package aamvatest

import (
	"fmt"
	"strings"
	"time"
)

// Licence is what is on a card. The zero value of what is not needed is left out.
type Licence struct {
	Version int    // of the standard, 1 to 11
	Issuer  string // six digits; see Issuers
	Type    string // DL, ID or EN; empty is DL
	Country string // USA, CAN or MEX, which decides how days are written

	Family, First, Middle, Suffix string
	Birth, Expires, Issued        string // 2006-01-02
	Sex                           string // M, F or X
	Cut                           string // which of E, F and G (surname, first name, middle names) were cut short

	Number, Discriminator       string // of the licence, and of this very card
	Street, City, State, Postal string

	Bare bool // without a subfile of the issuer's own
}

// Marlow is a woman of Virginia who is in no register.
func Marlow(version int) Licence {
	return Licence{
		Version: version, Issuer: "636000", Country: "USA", Family: "MARLOW", First: "GRETA", Middle: "ANN",
		Birth: "1957-02-28", Expires: "2031-02-28", Issued: "2023-03-01", Sex: "F",
		Number: "T64235789", Discriminator: "2424244747474786102204", Street: "2300 NOSUCH STREET", City: "RICHMOND", State: "VA", Postal: "232690000",
	}
}

// Tremblay is a man of Ontario, likewise.
func Tremblay(version int) Licence {
	l := Marlow(version)
	l.Issuer, l.Country, l.Family, l.First, l.Middle, l.Sex = "636012", "CAN", "TREMBLAY-ROY", "ÉTIENNE", "", "M"
	l.Birth, l.City, l.State, l.Postal = "1990-11-30", "OTTAWA", "ON", "K1A0B1"
	return l
}

// Bytes encodes the licence in ISO 8859-1.
func (l Licence) Bytes() []byte {
	kind := l.Type
	if kind == "" {
		kind = "DL"
	}
	files := []string{kind + strings.Join(l.elements(), "\n") + "\r"}
	kinds := []string{kind}
	if !l.Bare {
		own := "Z" + l.State[:1]
		files, kinds = append(files, own+own+"A01\n"+own+"BDCSNOBODY\r"), append(kinds, own)
	}
	head := "@\n\x1e\rANSI " + l.Issuer + fmt.Sprintf("%02d", l.Version)
	if l.Version >= 2 {
		head += "01"
	}
	head += fmt.Sprintf("%02d", len(files))
	at := len(head) + 10*len(files)
	body := ""
	for i, f := range files {
		f = string(latin1(f))
		head += fmt.Sprintf("%s%04d%04d", kinds[i], at, len(f))
		at += len(f)
		body += f
	}
	return []byte(head + body)
}

func (l Licence) elements() []string {
	var list []string
	put := func(id, value string) { list = append(list, id+value) }
	none := func(s string) string {
		if s == "" {
			return "NONE"
		}
		return s
	}
	put("DAQ", l.Number)
	switch {
	case l.Version == 1:
		names := []string{l.Family, l.First}
		if l.Middle != "" || l.Suffix != "" {
			names = append(names, l.Middle)
		}
		if l.Suffix != "" {
			names = append(names, l.Suffix)
		}
		put("DAA", strings.Join(names, ","))
	case l.Version < 4:
		put("DCS", l.Family)
		put("DCT", strings.Trim(l.First+","+l.Middle, ","))
		put("DCU", l.Suffix)
	default:
		cut := func(part string) string {
			if strings.Contains(l.Cut, part) {
				return "T"
			}
			return "N"
		}
		put("DCS", l.Family)
		put("DDE", cut("E"))
		put("DAC", none(l.First))
		put("DDF", cut("F"))
		put("DAD", none(l.Middle))
		put("DDG", cut("G"))
		if l.Suffix != "" {
			put("DCU", l.Suffix)
		}
	}
	put("DAG", l.Street)
	put("DAI", l.City)
	put("DAJ", l.State)
	put("DAK", fmt.Sprintf("%-11s", l.Postal))
	put("DBD", l.day(l.Issued))
	put("DBB", l.day(l.Birth))
	put("DBA", l.day(l.Expires))
	put("DBC", l.sex())
	if l.Version == 1 {
		put("DAU", "506")
	} else {
		put("DCA", "D")
		put("DCB", "NONE")
		put("DCD", "NONE")
		put("DAU", "066 in")
		put("DAY", "BRO")
		put("DCF", l.Discriminator)
		put("DCG", l.Country)
	}
	if l.Version >= 8 {
		put("DDK", "1")
	}
	if l.Version >= 11 {
		put("DDM", "0")
		put("DDN", "0")
		put("DDO", "1")
	}
	return list
}

// day writes a day as the version and the country do.
func (l Licence) day(iso string) string {
	t, err := time.Parse(time.DateOnly, iso)
	switch {
	case err != nil:
		return ""
	case l.Version == 1 || l.Version >= 3 && l.Country != "USA":
		return t.Format("20060102")
	}
	return t.Format("01022006")
}

func (l Licence) sex() string {
	if l.Version == 1 {
		return l.Sex
	}
	return map[string]string{"M": "1", "F": "2"}[l.Sex] + map[string]string{"X": "9"}[l.Sex]
}

func latin1(s string) []byte {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return b
}
