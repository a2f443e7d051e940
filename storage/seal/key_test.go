package seal_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"clinicgate/storage/seal"
)

func TestAKeyNeverPrints(t *testing.T) {
	raw := []byte("0123456789abcdefFEDCBA9876543210")
	k, err := seal.KeyFrom(raw)
	if err != nil {
		t.Fatal(err)
	}
	type holder struct {
		Key    seal.Key
		hidden seal.Key
		list   []seal.Key
		named  map[string]seal.Key
		deep   *struct{ k seal.Key }
	}
	h := holder{k, k, []seal.Key{k}, map[string]seal.Key{"k": k}, &struct{ k seal.Key }{k}}
	_ = h.hidden

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%p", "%t", "%c", "%08b"} {
		fmt.Fprintf(&out, verb+"\n", k)
		fmt.Fprintf(&out, verb+"\n", &k)
		fmt.Fprintf(&out, verb+"\n", h)
		fmt.Fprintf(&out, verb+"\n", &h)
		fmt.Fprintf(&out, verb+"\n", []any{k, h})
	}
	fmt.Fprintln(&out, fmt.Errorf("cannot use %v: %w", k, fmt.Errorf("%+v", h)))
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("key", "key", k, "holder", h, "pointer", &h, "list", []seal.Key{k})
	}
	if err := json.NewEncoder(&out).Encode(map[string]any{"key": k, "holder": h}); err != nil {
		t.Fatal(err)
	}
	numbers := strings.Trim(fmt.Sprint(raw), "[]")
	for _, form := range []string{
		string(raw), hex.EncodeToString(raw), strings.ToUpper(hex.EncodeToString(raw)),
		base64.StdEncoding.EncodeToString(raw), base64.RawStdEncoding.EncodeToString(raw), numbers,
		strings.ReplaceAll(numbers, " ", ","), hex.EncodeToString(raw)[8:24], string(raw[4:12]),
	} {
		if strings.Contains(out.String(), form) {
			t.Errorf("the key came out as %q", form)
		}
	}
	if !strings.Contains(out.String(), "redacted") {
		t.Error("nothing was redacted: the test prints nothing")
	}
}

func TestKeyIDs(t *testing.T) {
	a, b := testKey(t, 1), testKey(t, 2)
	if a.ID() == b.ID() || a.ID() != testKey(t, 1).ID() {
		t.Errorf("ids %v, %v", a.ID(), b.ID())
	}
	if !a.Equal(testKey(t, 1)) || a.Equal(b) || a.Equal(seal.Key{}) {
		t.Error("Equal is wrong")
	}
	text, _ := a.ID().MarshalText()
	var id seal.KeyID
	if err := id.UnmarshalText(text); err != nil || id != a.ID() {
		t.Errorf("id %s read back as %s, %v", text, id, err)
	}
	for _, bad := range []string{"", "12", "zz00000000000000", "00000000000000000"} {
		if err := id.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("id %q was read", bad)
		}
	}
	if got, want := a.ID().String(), "5884a5186da38c50"; got != want {
		t.Errorf("id of the key of ones is %s, and was %s when the form was made", got, want)
	}
}

func TestWipeReachesCopies(t *testing.T) {
	k := seal.NewKey()
	c := k
	a := seal.NewAEAD(k)
	record := seal.Seal(nil, a, []byte("plain"), testPlace())
	k.Wipe()
	if !bytes.Equal(c.Reveal(), make([]byte, seal.KeySize)) {
		t.Error("a copy kept the key")
	}
	if _, err := seal.Open(nil, a, record, testPlace()); err != nil {
		t.Errorf("the cipher made before does not open any more: %v", err)
	}
	if _, err := seal.KeyFrom(make([]byte, 31)); err == nil {
		t.Error("a key of 31 bytes was taken")
	}
	if !(seal.Key{}).IsZero() || k.IsZero() {
		t.Error("IsZero is wrong")
	}
}
