package gateway

import (
	"errors"
	"strings"

	"clinicgate/devices"
	"clinicgate/devices/aamva"
	"clinicgate/devices/scanner"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/web"
)

// groupSeparator parts the element strings of GS1, on goods and wristbands.
const groupSeparator = '\x1d'

// understand says what a scan is to the page; see web.Deps.
//
//	driving-licence     whose it is: birth date and names; expired or not, for it is no proof of anything
//	smart-health-card, smart-health-link, magnetic-stripe, payment-card
//	                    a card that does not say who somebody is, or must not be taken
//	with a separator of GS1
//	                    no code of any clinic
//	all else            a code, which the roster knows or not
func understand(value phi.Text, kind string) web.Read {
	text := value.Reveal()
	if kind == "" && text != "" { // typed into the page
		kind = string(scanner.Classify([]byte(text), ""))
	}
	read := web.Read{Kind: kind}
	switch scanner.Kind(kind) {
	case scanner.Licence:
		card, err := aamva.Parse([]byte(text))
		switch {
		case errors.Is(err, aamva.ErrCut):
			read.Useless = web.OtherCard // to scan it again would not help
		case err != nil:
			read.Useless = web.Unreadable
		default:
			read.Person = holder(card)
		}
	case scanner.HealthCard, scanner.HealthLink, scanner.MagneticStripe, scanner.PaymentCard:
		read.Useless = web.OtherCard
	case scanner.GS1:
		read.Useless = web.NoCode
	default:
		switch {
		case text == "":
			read.Useless = web.Unreadable
		case strings.ContainsRune(text, groupSeparator):
			read.Useless = web.NoCode
		default:
			read.Code = value
		}
	}
	return read
}

// holder is whom a licence is of, in the words of who types birth date and name.
func holder(c aamva.Card) web.Person {
	given := c.Given
	if !c.Suffix.IsZero() {
		given = phi.New(given.Reveal() + " " + c.Suffix.Reveal())
	}
	return web.Person{Birth: c.Birth, Family: c.Family, Given: given}
}

// licences tells whether to ask for a driving licence: a scanner reads them, and
// today's list says when people were born.
func (g *Gateway) licences() bool {
	for _, d := range g.cfg.Devices {
		if d.Class == devices.Scanner && d.Licences && !d.Disabled {
			return g.roster.Days()[g.queue.Today()].Births
		}
	}
	return false
}
