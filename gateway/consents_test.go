package gateway_test

import (
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/kiosk/consent"
	"clinicgate/kiosk/web/webtest"
)

// withForms gives the clinic two forms of its own, signed by a drawing and by a name.
func withForms(t *testing.T) func(*config.Config) {
	dir := t.TempDir()
	for typ, method := range map[string]consent.Method{"data-sharing": consent.Drawn, "recording": consent.Typed} {
		text := "+++\nid = \"" + typ + "\"\ntype = \"" + typ + "\"\nversion = \"1\"\nbasis = \"treatment-consent\"\nlanguage = \"en\"\ntitle = \"T\"\n" +
			"scope = \"clinic\"\nmodes = [\"in-person\"]\nsignature = \"" + string(method) + "\"\n[elements]\nrefusal = \"say no\"\n+++\nYou can say no.\n"
		if err := os.WriteFile(filepath.Join(dir, typ+".txt"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return func(c *config.Config) { c.Consent.Forms = dir }
}

// A check-in with a drawing and a typed name: PubNub, the log and the audit log hear
// how each form was signed, and of the signature a hash; the signature itself is there
// for the desk, on this kiosk, also after a restart, and who took it out is on record.
func TestSignaturesStayOnTheKiosk(t *testing.T) {
	t.Parallel()
	c := newClinic(t, withForms(t))
	ticket := c.typed(c.browser(), c.admit("apt-1"))
	c.eventually("everything delivered", c.drained)
	list, err := c.control.ConsentList(t.Context(), control.ConsentQuery{Entry: ticket})
	if err != nil {
		t.Fatal(err)
	}
	records := map[string]control.ConsentRecord{}
	for _, r := range list.Records {
		records[r.Method] = r
	}
	if len(list.Records) != 2 || len(records) != 2 {
		t.Fatalf("records: %+v", list.Records)
	}
	keys, err := c.control.KeyList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pub := ed25519.PublicKey(keys.Public)
	published := strings.Join(c.read("consent.org", pub), "\n")
	look := func() {
		t.Helper()
		for method, want := range map[string]string{"drawn": "M100 300", "typed": ">" + webtest.Signer + "<"} {
			g, err := c.control.ConsentSignature(t.Context(), control.ConsentSigned{Record: records[method].ID})
			if err != nil || !strings.Contains(g.SVG, want) || g.Record.Method != method {
				t.Errorf("%s: %s, %v", method, g.SVG, err)
			}
			if !strings.Contains(published, `"method":"`+method+`"`) || !strings.Contains(published, `"sha256":"`+g.SHA256+`"`) {
				t.Errorf("published of the %s one: %s", method, published)
			}
		}
	}
	look()
	if err := c.stop(); err != nil {
		t.Fatal(err)
	}
	c.start()
	look()
	c.eventually("everything delivered", c.drained)
	audit := strings.Join(c.read("audit.org", pub), "\n")
	if n := strings.Count(audit, `"read signature"`); n != 4 {
		t.Errorf("%d readings are on record, want 4", n)
	}
	for where, text := range map[string]string{"the consents": published, "the audit log": audit, "the log": c.log.String()} {
		for _, secret := range []string{"Quilla", "M100 300", "signatures"} {
			if strings.Contains(text, secret) {
				t.Errorf("%s tell %q", where, secret)
			}
		}
	}
	for _, r := range c.pubnub.Requests() {
		if all := r.URI + string(r.Body); strings.Contains(all, "Quilla") || strings.Contains(all, "signatures") {
			t.Errorf("%s tells of a signature", r.URI)
		}
	}
	var said *control.Error
	if _, err := c.control.ConsentSignature(t.Context(), control.ConsentSigned{Record: uuid.New()}); !errors.As(err, &said) || said.Code != control.NotFound || said.Next == "" {
		t.Errorf("of no record: %v", err)
	}
}
