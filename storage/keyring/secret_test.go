package keyring_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"clinicgate/storage/keyring"
	"clinicgate/storage/keyring/keyringtest"
)

func cipherKey(id, value string, from, until keyring.Timetoken) keyring.Named {
	return keyring.Named{Kind: keyring.PubNubCipher, ID: id, Value: keyring.NewValue([]byte(value)), From: from, Until: until}
}

func TestSharedSecrets(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	r := create(t, disk)
	pub := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, 32)).Public().(ed25519.PublicKey)
	kiosk := keyring.Named{Kind: keyring.KioskPublic, Owner: "lobby-2", Value: keyring.NewValue(pub), From: 100, Until: 200}
	if err := r.Import(cipherKey("q1", "one", 10, 19), cipherKey("q3", "three", 30, 0), cipherKey("q2", "two", 20, 29), kiosk); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Generate(keyring.PatientReference, "clinic"); err != nil {
		t.Fatal(err)
	}
	if s, err := r.Generate(keyring.PubNubCipher, "made"); err != nil || len(s.Value.Reveal()) != 64 {
		t.Errorf("generated cipher key: %v", err)
	}
	if _, err := r.Generate(keyring.KioskPublic, "x"); !errors.Is(err, keyring.ErrSecret) {
		t.Errorf("generated a public key: %v", err)
	}
	if err := r.Erase(keyring.PubNubCipher, "made"); err != nil {
		t.Fatal(err)
	}

	for _, r := range []*keyring.Ring{r, open(t, disk, first)} {
		var order []string
		for _, s := range r.Secrets(keyring.PubNubCipher) {
			order = append(order, s.ID+"="+string(s.Value.Reveal()))
		}
		if got, want := strings.Join(order, " "), "q3=three q2=two q1=one"; got != want {
			t.Errorf("newest first: %s, want %s", got, want)
		}
		for at, want := range map[keyring.Timetoken]string{0: "q3", 9: "", 10: "q1", 19: "q1", 20: "q2", 29: "q2", 30: "q3", 1 << 60: "q3"} {
			s, ok := r.Current(keyring.PubNubCipher, at)
			if s.ID != want || ok != (want != "") {
				t.Errorf("at %d: %q, want %q", at, s.ID, want)
			}
		}
		if got := r.Secrets(keyring.KioskPublic); len(got) != 1 || got[0].Owner != "lobby-2" || got[0].ID != keyring.Fingerprint(pub) {
			t.Errorf("kiosk keys %+v", got)
		}
		if got := r.Secrets(keyring.PatientReference); len(got) != 1 || len(got[0].Value.Reveal()) != 32 {
			t.Errorf("reference keys %+v", got)
		}
		list := r.List()
		text, err := json.Marshal(list)
		if err != nil || len(list) != 7 || bytes.Contains(text, []byte("three")) {
			t.Errorf("list of %d, %v: %s", len(list), err, text)
		}
		for _, s := range list {
			if len(s.Value.Reveal()) != 0 {
				t.Errorf("the list holds the value of %s %s", s.Kind, s.ID)
			}
		}
	}

	// The same again is no conflict and may end it; another value is one.
	if err := r.Import(cipherKey("q3", "three", 30, 39)); err != nil {
		t.Fatal(err)
	}
	if s, ok := r.Current(keyring.PubNubCipher, 40); ok {
		t.Errorf("%s holds after its end", s.ID)
	}
	generation := r.Generation()
	err := r.Import(cipherKey("q4", "four", 40, 0), cipherKey("q1", "hunter2", 10, 19))
	if !errors.Is(err, keyring.ErrConflict) || hintOf(err) == "" || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("another value under an id: %v", err)
	}
	if r.Generation() != generation || len(r.Secrets(keyring.PubNubCipher)) != 3 {
		t.Error("half of an import stayed")
	}
	if err := r.Erase(keyring.PubNubCipher, "q4"); !errors.Is(err, keyring.ErrNoKey) {
		t.Errorf("erasing what is not there: %v", err)
	}
	for _, own := range r.List() {
		if own.Kind == keyring.Local || own.Kind == keyring.Signing {
			if err := r.Erase(own.Kind, own.ID); !errors.Is(err, keyring.ErrInUse) {
				t.Errorf("erasing %s: %v", own.Kind, err)
			}
		}
	}
}

func TestMalformedSecrets(t *testing.T) {
	t.Parallel()
	r := create(t, keyringtest.NewDisk())
	pub := keyring.NewValue(bytes.Repeat([]byte{1}, 32))
	long := keyring.NewValue(bytes.Repeat([]byte{'x'}, 513))
	for name, s := range map[string]keyring.Named{
		"no kind":            {ID: "a", Value: pub},
		"unknown kind":       {Kind: "password", ID: "a", Value: pub},
		"no id":              {Kind: keyring.Ticket, Value: pub},
		"id with a path":     {Kind: keyring.Ticket, ID: "../a", Value: pub},
		"long id":            {Kind: keyring.Ticket, ID: strings.Repeat("a", 65), Value: pub},
		"no value":           {Kind: keyring.PubNubCipher, ID: "a"},
		"long value":         {Kind: keyring.PubNubCipher, ID: "a", Value: long},
		"no UTF-8":           {Kind: keyring.PubNubCipher, ID: "a", Value: keyring.NewValue([]byte("\xff"))},
		"short HMAC key":     {Kind: keyring.PatientReference, ID: "a", Value: keyring.NewValue([]byte("short"))},
		"no owner":           {Kind: keyring.KioskPublic, Value: pub},
		"owner of a ticket":  {Kind: keyring.Ticket, ID: "a", Owner: "lobby-1", Value: pub},
		"foreign id":         {Kind: keyring.AppointmentCode, ID: "a", Value: pub},
		"ends before begins": {Kind: keyring.Ticket, ID: "a", Value: pub, From: 2, Until: 1},
		"kiosk's own":        {Kind: keyring.Local, ID: "a", Value: pub},
		"kiosk's own key":    {Kind: keyring.Signing, ID: "a", Value: pub},
	} {
		if err := r.Import(s); !errors.Is(err, keyring.ErrSecret) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSigningKeys(t *testing.T) {
	t.Parallel()
	disk := keyringtest.NewDisk()
	r := create(t, disk)
	old := r.SigningKey()
	fresh, err := r.RotateSigning(1000)
	if err != nil {
		t.Fatal(err)
	}
	r = open(t, disk, first)
	now := r.SigningKey().Public().(ed25519.PublicKey)
	if !now.Equal(fresh) || now.Equal(old.Public()) {
		t.Error("the new key is not in force")
	}
	all := r.OwnPublicKeys()
	if len(all) != 2 || !all[0].Equal(fresh) || !all[1].Equal(old.Public()) {
		t.Errorf("own keys %x", all)
	}
	retired := r.Secrets(keyring.RetiredSigning)
	if len(retired) != 1 || retired[0].Until != 1000 || retired[0].ID != keyring.Fingerprint(old.Public().(ed25519.PublicKey)) {
		t.Errorf("retired %+v", retired)
	}
	// The old private half is gone from the files: nothing in the body holds it.
	for _, s := range append(r.Secrets(keyring.Signing), retired...) {
		if bytes.Equal(s.Value.Reveal(), old.Seed()) {
			t.Errorf("%s still holds the old seed", s.Kind)
		}
	}
}

func TestParseSecrets(t *testing.T) {
	t.Parallel()
	raw := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	got, err := keyring.ParseSecrets(strings.NewReader(fmt.Sprintf(`
		[{"kind":"pubnub-cipher","id":"2026-q1","value":"a key: ä\n","from":"17356896000000000","until":""},
		 {"kind":"kiosk-public","owner":"authority","value":"%s","from":17356896000000000},
		 {"kind":"ticket","id":"clinic","value":"%s"}]`, raw, raw)))
	if err != nil || len(got) != 3 {
		t.Fatalf("%d, %v", len(got), err)
	}
	if s := got[0]; string(s.Value.Reveal()) != "a key: ä\n" || s.From != 17356896000000000 || s.Until != 0 {
		t.Errorf("cipher key %+v", s)
	}
	if s := got[1]; s.ID != keyring.Fingerprint(bytes.Repeat([]byte{7}, 32)) || s.Owner != "authority" || s.From != got[0].From {
		t.Errorf("kiosk key %+v", s)
	}
	if one, err := keyring.ParseSecrets(strings.NewReader(`{"kind":"ticket","id":"clinic","value":"` + raw + `"}`)); err != nil || len(one) != 1 {
		t.Errorf("single object: %d, %v", len(one), err)
	}
	if err := create(t, keyringtest.NewDisk()).Import(got...); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{
		``, `nothing`, `"hunter2-secret"`, `[1]`, `{}`, `{"kind":"ticket","id":"a","value":"hunter2-secret"}`,
		`{"kind":"hunter2-secret"}`[:12], `{"kind":"local","id":"a","value":"` + raw + `"}`,
		`{"kind":"ticket","id":"a","value":"` + raw + `","hunter2-secret":1}`,
		`{"kind":"ticket","id":"a","value":"` + raw + `"} hunter2-secret`,
		`{"kind":"ticket","id":"a","value":"` + raw + `","from":"hunter2-secret"}`,
		`{"kind":"ticket","id":"a","value":"` + raw + `","from":-1}`,
		`{"kind":"pubnub-cipher","id":["hunter2-secret"],"value":"x"}`,
		strings.Repeat(" ", 1<<20) + `{}`,
	} {
		_, err := keyring.ParseSecrets(strings.NewReader(bad))
		if !errors.Is(err, keyring.ErrSecret) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%.60s: %v", bad, err)
		}
	}
}

func FuzzParseSecrets(f *testing.F) {
	f.Add([]byte(`{"kind":"pubnub-cipher","id":"a","value":"x","from":"1","until":2}`))
	f.Add([]byte(`[{"kind":"kiosk-public","owner":"k","value":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="}]`))
	f.Add([]byte(`[]`))
	f.Add([]byte(`{`))
	ring, err := keyring.Create(ctx, keyringtest.NewDisk(), first, keyring.Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := keyring.ParseSecrets(bytes.NewReader(b))
		if err != nil && !errors.Is(err, keyring.ErrSecret) {
			t.Fatalf("%q: %v", b, err)
		}
		// What parses is well-formed: each by itself can be imported.
		for _, s := range list[:min(len(list), 3)] {
			if err := ring.Import(s); errors.Is(err, keyring.ErrSecret) {
				t.Fatalf("%q parsed but is not importable: %v", b, err)
			} else if err == nil {
				if err := ring.Erase(s.Kind, s.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func TestTimetokens(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 14, 15, 9, 26, 535897900, time.UTC)
	tt := keyring.TimetokenOf(at)
	if tt != 17735009665358979 || !tt.Time().Equal(at) {
		t.Errorf("%d, %v", tt, tt.Time())
	}
	if keyring.TimetokenOf(time.Unix(-1, 0)) != 0 {
		t.Error("a time before 1970 has a timetoken")
	}
	b, err := json.Marshal(tt)
	if err != nil || string(b) != `"17735009665358979"` {
		t.Errorf("JSON %s, %v", b, err)
	}
	for text, want := range map[string]keyring.Timetoken{`"17735009665358979"`: tt, `17735009665358979`: tt, `""`: 0, `null`: 0, `0`: 0} {
		var got keyring.Timetoken = 5
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s = %d, %v", text, got, err)
		}
	}
	for _, bad := range []string{`"x"`, `1.5`, `-1`, `1e9`, `"99999999999999999999"`, `true`} {
		var got keyring.Timetoken
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s = %d", bad, got)
		}
	}
}
