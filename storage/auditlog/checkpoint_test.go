package auditlog_test

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"clinicgate/storage/auditlog"
)

const origin = "clinicgate/lobby-1/1"

func signingKey(fill byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{fill}, ed25519.SeedSize))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func TestACheckpointIsASignedNote(t *testing.T) {
	c := auditlog.Checkpoint{Origin: origin, Size: 1234567, Root: auditlog.LeafHash([]byte("root"))}
	if got, want := c.Text(), "clinicgate/lobby-1/1\n1234567\nPAb5plclr2BSYfY2ZyyWINQJcx2JpFHXRV/pxK4WeCk=\n"; got != want {
		t.Errorf("Text = %q, want %q", got, want)
	}
	key := signingKey(1)
	signed, err := c.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := auditlog.OpenCheckpoint(signed, origin, public(signingKey(2)), public(key)); err != nil || got != c {
		t.Errorf("OpenCheckpoint = %+v, %v", got, err)
	}

	// Any other tool that reads signed notes reads ours.
	text, err := auditlog.VerifierKey(origin, public(key))
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(text)
	if err != nil {
		t.Fatal(err)
	}
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil || n.Text != c.Text() || n.Sigs[0].Name != origin {
		t.Errorf("note.Open = %+v, %v", n, err)
	}

	// A witness may add a line of its own.
	skey, _, err := note.GenerateKey(nil, "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	ws, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	cosigned, err := note.Sign(n, ws)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := auditlog.OpenCheckpoint(cosigned, origin, public(key)); err != nil || got != c {
		t.Errorf("with a witness: %+v, %v", got, err)
	}
}

func TestAFalseCheckpointDoesNotOpen(t *testing.T) {
	c := auditlog.Checkpoint{Origin: origin, Size: 9, Root: auditlog.LeafHash([]byte("root"))}
	key := signingKey(1)
	signed, err := c.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := auditlog.OpenCheckpoint(signed, origin, public(signingKey(2))); err != auditlog.ErrCheckpoint {
		t.Errorf("with another key: %v", err)
	}
	if _, err := auditlog.OpenCheckpoint(signed, origin); err != auditlog.ErrCheckpoint {
		t.Errorf("with no key: %v", err)
	}
	if _, err := auditlog.OpenCheckpoint(signed, "clinicgate/lobby-2/1", public(key)); err != auditlog.ErrCheckpoint {
		t.Errorf("as another log's: %v", err)
	}
	for i := range signed {
		forged := bytes.Clone(signed)
		forged[i] ^= 1
		if got, err := auditlog.OpenCheckpoint(forged, origin, public(key)); err == nil && got != c {
			t.Errorf("byte %d changed: %+v", i, got)
		} else if err == nil && i < len(c.Text()) {
			t.Errorf("byte %d of the text changed and it opens", i)
		}
	}
	// The right key and name over the checkpoint of another log.
	other := c
	other.Origin = "clinicgate/lobby-2/1"
	text, err := auditlog.VerifierKey(origin, public(key))
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(text)
	if err != nil {
		t.Fatal(err)
	}
	crossed, err := note.Sign(&note.Note{Text: other.Text()}, rawSigner{v, key})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := auditlog.OpenCheckpoint(crossed, origin, public(key)); err != auditlog.ErrCheckpoint {
		t.Errorf("another log's checkpoint under our name: %+v, %v", got, err)
	}
	// A note of the same key that is no checkpoint.
	for _, text := range []string{
		origin + "\n9\n", origin + "\n09\n" + c.Root.String() + "\n", origin + "\n-1\n" + c.Root.String() + "\n",
		origin + "\n9\nAAAA\n", "\n9\n" + c.Root.String() + "\n", origin + "\n99999999999999999999\n" + c.Root.String() + "\n",
	} {
		if got, err := auditlog.ParseCheckpoint(text); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
}

type rawSigner struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s rawSigner) Sign(msg []byte) ([]byte, error) { return ed25519.Sign(s.key, msg), nil }

func TestOriginsThatANoteCannotCarry(t *testing.T) {
	for _, bad := range []string{"", "a b", "a+b", "a\nb", "\xff", strings.Repeat("x", 129), "clinicgate/1"} {
		if _, err := (auditlog.Checkpoint{Origin: bad}).Sign(signingKey(1)); err == nil {
			t.Errorf("origin %q was signed", bad)
		}
		if _, _, err := auditlog.New(nil, auditlog.Opening{Origin: bad}); err == nil {
			t.Errorf("a log was opened as %q", bad)
		}
	}
}

func FuzzParseCheckpoint(f *testing.F) {
	f.Add(auditlog.Checkpoint{Origin: origin, Size: 9}.Text())
	f.Add(origin + "\n0\n" + auditlog.Hash{}.String() + "\nextension\n")
	f.Add("\n\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := auditlog.ParseCheckpoint(text)
		if err == nil && !strings.HasPrefix(text, c.Text()) {
			t.Fatalf("%q was read as %q", text, c.Text())
		}
	})
}

func FuzzOpenCheckpoint(f *testing.F) {
	key := signingKey(1)
	c := auditlog.Checkpoint{Origin: origin, Size: 9}
	signed, _ := c.Sign(key)
	f.Add(signed)
	f.Add([]byte("x\n\n— x AAAA\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := auditlog.OpenCheckpoint(b, origin, public(key)); err == nil && got != c {
			t.Fatalf("forged: %+v", got)
		}
	})
}
