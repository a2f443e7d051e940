package phi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"clinicgate/kiosk/phi"
)

type patient struct {
	Name   phi.Text
	hidden phi.Text
	Next   *patient
	Tags   map[string]phi.Text
}

func TestTextNeverPrintsItself(t *testing.T) {
	const name = "Ada Fictional"
	p := patient{Name: phi.New(name), hidden: phi.New(name), Tags: map[string]phi.Text{"k": phi.New(name)}}
	p.Next = &patient{Name: phi.New(name)}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%10s"} {
		fmt.Fprintf(&out, verb, p)
		fmt.Fprintf(&out, verb, &p)
		fmt.Fprintf(&out, verb, p.Name)
		fmt.Fprintf(&out, verb, []phi.Text{p.Name})
	}
	for _, h := range []func(*bytes.Buffer) slog.Handler{
		func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
		func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
	} {
		var b bytes.Buffer
		slog.New(h(&b)).Info("m", "p", p, "t", p.Name, "err", fmt.Errorf("x %v: %w", p, errors.New("y")))
		out.Write(b.Bytes())
	}
	j, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(j)
	for _, leak := range []string{name, fmt.Sprintf("%x", name), fmt.Sprintf("%X", name)} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("output holds %q:\n%s", leak, out.String())
		}
	}
	if got := p.Name.Reveal(); got != name {
		t.Errorf("Reveal() = %q, want %q", got, name)
	}
}

func TestEqual(t *testing.T) {
	if !phi.New("a").Equal(phi.New("a")) || phi.New("a").Equal(phi.New("b")) || !(phi.Text{}).Equal(phi.New("")) {
		t.Error("Equal compares something else than the texts")
	}
}
