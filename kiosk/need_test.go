package kiosk_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"clinicgate/kiosk"
)

// TestTongues: 35 languages, each once, none confused with what stands in for one.
func TestTongues(t *testing.T) {
	list := kiosk.Tongues()
	seen := map[string]bool{kiosk.SignLanguage: true, kiosk.OtherLanguage: true}
	for _, l := range list {
		if seen[l.Tag] || seen[l.Name] || seen[l.English] && l.English != l.Name || l.Name == "" || l.English == "" {
			t.Errorf("%+v is there twice, or half", l)
		}
		seen[l.Tag], seen[l.Name], seen[l.English] = true, true, true
		if n := kiosk.NeedInterpreter(l.Tag); !n.Known() || n.String() != "interpreter ("+l.English+")" {
			t.Errorf("%q is said as %q", string(n), n)
		}
	}
	if len(list) != 35 {
		t.Errorf("%d languages, want 35", len(list))
	}
}

// TestRequire: each need once, an interpreter shows in interpreterNeeded, and an
// entry never holds more than may travel.
func TestRequire(t *testing.T) {
	var m kiosk.Metadata
	m.Require(kiosk.NeedHearing)
	if m.InterpreterNeeded {
		t.Error("an interpreter is needed that nobody asked for")
	}
	m.Require(kiosk.NeedInterpreter("so"), kiosk.NeedHearing)
	if !m.InterpreterNeeded || !slices.Equal(m.Needs, []kiosk.Need{"hearing", "interpreter:so"}) {
		t.Errorf("needs %v, interpreter %v", m.Needs, m.InterpreterNeeded)
	}
	for n := range 40 {
		m.Require(kiosk.Need(fmt.Sprintf("later-%d", n)))
	}
	if len(m.Needs) != 16 {
		t.Errorf("%d needs, want at most 16", len(m.Needs))
	}
	b, err := json.Marshal(kiosk.Entry{Metadata: m}.Shape().Metadata.Needs[:2])
	if err != nil || string(b) != `["hearing","interpreter:so"]` {
		t.Errorf("on the wire %s, %v", b, err)
	}
}
