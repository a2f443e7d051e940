package web_test

import (
	"strings"
	"testing"
	"unicode"

	"clinicgate/kiosk/web"
)

func FuzzParseAction(f *testing.F) {
	f.Add(`{"request":"019ab3c4-0000-7000-8000-000000000000","session":"s","event":"decide","form":"telehealth","shown":"00","granted":true}`)
	f.Add(`{"request":"019ab3c4-0000-7000-8000-000000000000"}{}`)
	f.Add(`{"request":"019ab3c4-0000-7000-8000-000000000000","session":"s","event":"signed","name":"Ada","drawing":[[1,2,3,4],[1000,400]]}`)
	f.Add(`{"event":null,"code":1}`)
	f.Add(strings.Repeat(`{"a":`, 100))
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if err := web.ParseAction(strings.NewReader(body)); err != nil && strings.TrimSpace(body) != "" && strings.Contains(err.Error(), body) && len(body) > 20 {
			t.Errorf("the error repeats the input: %v", err)
		}
	})
}

func FuzzCleanScan(f *testing.F) {
	f.Add("]Q1CHK1:ABC\r\n")
	f.Add("]")
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		code := web.CleanScan(raw)
		if len(code) > 4096 || len(code) > len(raw) {
			t.Errorf("%d bytes of %d", len(code), len(raw))
		}
		for _, r := range code {
			if !unicode.IsPrint(r) {
				t.Errorf("%U in %q", r, code)
			}
		}
		if again := web.CleanScan(code); code != "" && code[0] != ']' && again != code {
			t.Errorf("%q cleaned twice is %q", code, again)
		}
	})
}

func FuzzParseTicket(f *testing.F) {
	f.Add("A-017")
	f.Add("Z-65535")
	f.Fuzz(func(t *testing.T, s string) {
		ticket, err := web.ParseTicket(s)
		if err != nil {
			return
		}
		if again, err := web.ParseTicket(ticket.String()); err != nil || again != ticket {
			t.Errorf("%q is %v, written %q", s, ticket, ticket)
		}
	})
}
