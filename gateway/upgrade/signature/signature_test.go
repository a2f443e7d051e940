package signature

import (
	"errors"
	"strings"
	"testing"
)

var about = Release{File: "clinicgate_1.4.0_linux_amd64.tar.gz", Version: "1.4.0", Target: "linux/amd64", Store: 1}

const (
	minisignPublic = `untrusted comment: minisign public key E05FDF007E92AFD3
RWTTr5J+AN9f4KHVEvl2u4ieGKoNbuFhUJ+kuPNgXE46h4rDQgcZ76ul
`
	minisignSignature = `untrusted comment: signature from minisign secret key
RUTTr5J+AN9f4M/FswMqjKb/HSJPkkkbv4UYvpYXDmuGVlN4/HflOj0JOtyy7UIIaTOg9oKM+NR4n3uwHv2Zp5ZcXVuq/EnuLwc=
trusted comment: clinicgate file:f version:1.4.0 target:linux/amd64 later:x
YwaIjloPZ1ThthXuHVUjyiGKFpuFchZMYppDT4OkvrcZ3Q8uljht93LwUv7pCU124Bw7NJCErGfcEGgxhsjPDQ==
`
)

func key(t *testing.T) Private {
	t.Helper()
	k, err := NewPrivate()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSignAndVerify(t *testing.T) {
	k := key(t)
	read, err := ParsePrivate(k.Text())
	if err != nil {
		t.Fatal(err)
	}
	text, err := read.Sign(strings.NewReader("the program"), about)
	if err != nil {
		t.Fatal(err)
	}
	public, err := ParsePublic("untrusted comment: x\n" + k.Public().String() + "\n")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Verify(strings.NewReader("the program"), text, key(t).Public(), public)
	if err != nil || got != about {
		t.Fatalf("got %+v, %v", got, err)
	}
}

// What minisign 0.11 wrote itself, of the file "the program".
func TestMinisign(t *testing.T) {
	public, err := ParsePublic(minisignPublic)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Verify(strings.NewReader("the program"), minisignSignature, public)
	if err != nil || got.Version != "1.4.0" || got.Target != "linux/amd64" {
		t.Fatalf("got %+v, %v", got, err)
	}
}

// Every byte of a signature counts, but for the comment that nobody signed and what
// base64 does not decode.
func TestForged(t *testing.T) {
	k := key(t)
	text, err := k.Sign(strings.NewReader("the program"), about)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(strings.NewReader("the programs"), text, k.Public()); !errors.Is(err, ErrForged) {
		t.Errorf("another file: %v", err)
	}
	if _, err := Verify(strings.NewReader("the program"), text, key(t).Public()); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("another key: %v", err)
	}
	first := strings.Index(text, "\n") + 1
	for i := first; i < len(text)-1; i++ {
		if text[i] == '\n' || text[i] == '=' || i+1 < len(text) && text[i+1] == '=' {
			continue
		}
		c := byte('A')
		if text[i] == c {
			c = 'B'
		}
		if got, err := Verify(strings.NewReader("the program"), text[:i]+string(c)+text[i+1:], k.Public()); err == nil {
			t.Errorf("byte %d changed from %q to %q and it still says %+v", i, text[i], c, got)
		}
	}
}

func TestRefused(t *testing.T) {
	k := key(t)
	for _, r := range []Release{{}, {File: "a b", Version: "1"}, {File: "a", Version: "1\nversion:2"}, {File: "a"}} {
		if text, err := k.Sign(strings.NewReader(""), r); err == nil {
			t.Errorf("%+v was signed: %s", r, text)
		}
	}
	for _, text := range []string{"", "x", k.Text() + k.Text(), strings.Repeat("A", limit+1)} {
		if _, err := ParsePrivate(text); err == nil {
			t.Errorf("private key from %.20q", text)
		}
		if _, err := ParsePublic(text); err == nil {
			t.Errorf("public key from %.20q", text)
		}
	}
	locked := []byte(k.Text())
	if _, err := ParsePrivate(strings.Replace(string(locked), "RWQAAEIy", "RWRTY0Iy", 1)); err == nil || !strings.Contains(err.Error(), "password") {
		t.Errorf("a key with a password: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	public, err := ParsePublic(minisignPublic)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(minisignSignature)
	f.Add("untrusted comment: x\n\ntrusted comment: \n\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Verify(strings.NewReader("another program"), text, public)
		if err == nil {
			t.Fatalf("%q passed as %+v", text, got)
		}
	})
}
