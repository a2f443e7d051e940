package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"clinicgate/kiosk"
)

// The fictional clinic. Nobody in it exists.

type department struct {
	id, english, spanish, whereEnglish, whereSpanish string
}

type provider struct {
	id, name, department, room string
}

type appointment struct {
	id, patient, family, given, born, department, provider, mode, language, phone string
	start                                                                         time.Time
}

var departments = []department{
	{"cardiology", "Cardiology", "Cardiología", "Waiting area A, blue chairs", "Sala de espera A, sillas azules"},
	{"family-medicine", "Family Medicine", "Medicina Familiar", "Waiting area B, by the window", "Sala de espera B, junto a la ventana"},
	{"physiotherapy", "Physiotherapy", "Fisioterapia", "Waiting area C, ground floor", "Sala de espera C, planta baja"},
}

var providers = []provider{
	{"dr-okafor", "Dr. Okafor", "cardiology", "Room 101"},
	{"dr-lindqvist", "Dr. Lindqvist", "cardiology", "Room 102"},
	{"dr-marchetti", "Dr. Marchetti", "cardiology", "Room 103"},
	{"dr-tanaka", "Dr. Tanaka", "family-medicine", "Room 201"},
	{"dr-reyes", "Dr. Reyes", "family-medicine", "Room 202"},
	{"np-adeyemi", "N.P. Adeyemi", "family-medicine", "Room 203"},
	{"pt-novak", "P.T. Novak", "physiotherapy", "Studio 1"},
	{"pt-silva", "P.T. Silva", "physiotherapy", "Studio 2"},
}

var (
	familyNames = []string{"Abernathy-Quill", "Bellweather", "Castellanos", "Dunmore", "Espinoza-Fabre", "Fairwater", "Gallowglass", "Hollingberry",
		"Ibarrondo", "Jessamine", "Kestrelmoor", "Larkspur", "Montefalco", "Nightingale-Ro", "Oakenfold", "Pemberley", "Quillfeather", "Rosenthorn",
		"Silverbrook", "Thistledown", "Underhill", "Valdecasas", "Winterbourne", "Yarrowgate", "Zambrano-Lux"}
	givenNames = []string{"Ada", "Bruno", "Carmen", "Dario", "Elena", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Klara", "Luis", "Marta", "Nico",
		"Olga", "Pablo", "Quinn", "Rosa", "Samir", "Tilda", "Ugo", "Vera", "Wanda", "Xavier", "Yara", "Zeno"}
)

// clinic makes up appointments; the same seed makes the same ones.
type clinic struct {
	rng      *rand.Rand
	calendar kiosk.Calendar
	n        int
}

func newClinic(seed uint64, calendar kiosk.Calendar) *clinic {
	return &clinic{rng: rand.New(rand.NewPCG(seed, seed^0x9e3779b97f4a7c15)), calendar: calendar}
}

// dayStarts chooses when the clinic's day begins, so that it does not turn while
// somebody looks at the demo, whatever the time is.
func dayStarts(now time.Time) time.Duration {
	if h := now.Hour(); h >= 6 && h < 22 {
		return 3 * time.Hour
	}
	return 12 * time.Hour
}

// appointments makes n appointments of today around now, spread over the
// departments.
func (c *clinic) appointments(n int, now time.Time) (list []appointment) {
	for range n {
		p := providers[c.n%len(providers)]
		c.n++
		a := appointment{
			id:      fmt.Sprintf("apt-%05d", c.n),
			patient: fmt.Sprintf("MRN-%07d", 4000000+c.rng.IntN(900000)*10+c.n%10),
			family:  familyNames[c.rng.IntN(len(familyNames))], given: givenNames[c.rng.IntN(len(givenNames))],
			born:       time.Date(1930+c.rng.IntN(90), time.Month(1+c.rng.IntN(12)), 1+c.rng.IntN(28), 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
			department: p.department, provider: p.id, mode: "in-person", language: "en",
			phone: fmt.Sprintf("%02d", c.rng.IntN(100)),
			start: now.In(c.calendar.Zone).Truncate(5 * time.Minute).Add(time.Duration(c.rng.IntN(9)-2) * 5 * time.Minute),
		}
		if c.calendar.Day(a.start) != c.calendar.Day(now) {
			a.start = now.In(c.calendar.Zone)
		}
		if c.n%7 == 0 {
			a.mode = "video"
		}
		if c.n%3 == 0 {
			a.language = "es"
		}
		list = append(list, a)
	}
	return list
}

// rosterCSV writes appointments in the product's own columns.
func rosterCSV(list []appointment) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write([]string{"appointment_id", "patient_id", "family_name", "given_name", "birth_date", "department", "provider", "start", "mode", "language", "phone_last2", "card"})
	for _, a := range list {
		_ = w.Write([]string{a.id, a.patient, a.family, a.given, a.born, a.department, a.provider, a.start.Format(time.RFC3339), a.mode, a.language, a.phone, hex.EncodeToString(a.card())})
	}
	w.Flush()
	return b.Bytes()
}

// card is the number of the patient's card.
func (a appointment) card() []byte {
	sum := sha256.Sum256([]byte(a.patient))
	return append([]byte{4}, sum[:6]...) // seven bytes, the first a maker's
}

// settings are what the demo decides of the gateway's config.
type settings struct {
	zone                                     string
	dayStarts                                time.Duration
	origin, dataDir, controlPath, passphrase string
	publishKey, subscribeKey                 string
	web, board, desk, mqtt                   string
	budget                                   string
}

const (
	organization = "riverside-fictional"
	site         = "main"
	kioskID      = "lobby-1"
	deskPerson   = "ana"
	deskPIN      = "730184" // no secret: the demo is on loopback and prints it
)

// configTOML writes the gateway's config as an operator would.
func configTOML(s settings, h *hardware) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# The demo's clinic. Nobody in it exists.")
	line("[kiosk]\nid = %q\nletter = \"A\"\nsite = %q\norganization = %q\nzone = %q\nday_starts = %q\nlanguages = [\"en\", \"es\"]\n", kioskID, site, organization, s.zone,
		time.Time{}.Add(s.dayStarts).Format("15:04"))
	line("[storage]\ndir = %q\nbudget = %q\n", s.dataDir, s.budget)
	line("[key_source]\nkind = \"passphrase\"\nfile = %q\n", s.passphrase)
	line("[pubnub]\norigin = %q\nsecure = false\npublish_key = %q\nsubscribe_key = %q", s.origin, s.publishKey, s.subscribeKey)
	line("\n[checkin]\nearly = \"12h\"\nlate = \"12h\"\nvitals = [%q, %q] # once the vitals station is on\n", asked[0], asked[1])
	line("[web]\nlisten = %q\n\n[board]\nlisten = %q\n\n[control]\npath = %q\n\n[mqtt]\nlisten = %q\n", s.web, s.board, s.controlPath, s.mqtt)
	line("[desk]\nlisten = %q\nhosts = [\"127.0.0.1\"]\n\n[[staff]]\nid = %q\nname = \"Ana\"\nroles = [\"desk\"]\n", s.desk, deskPerson)
	for _, d := range departments {
		line("[[department]]\nid = %q\nname = { en = %q, es = %q }\nwhere = { en = %q, es = %q }\n", d.id, d.english, d.spanish, d.whereEnglish, d.whereSpanish)
	}
	for _, p := range providers {
		line("[[provider]]\nid = %q\nname = %q\ndepartment = %q\nroom = %q\n", p.id, p.name, p.department, p.room)
	}
	h.config(line)
	return []byte(b.String())
}
