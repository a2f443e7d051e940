package pubnub_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/pubnub/go/v7/crypto"

	"clinicgate/gateway/pubnub"
)

func newCipher(t testing.TB, keys ...string) *pubnub.Cipher {
	t.Helper()
	var list []pubnub.CipherKey
	for i, key := range keys { // newest first
		list = append(list, pubnub.CipherKey{ID: key, Key: []byte(key), From: pubnub.Timetoken(len(keys) - i)})
	}
	c, err := pubnub.NewCipher(list, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Made by the Go and JavaScript SDKs with the key "enigma".
var vectors = []struct{ plain, text string }{
	{`"hello"`, "UE5FRAFBQ1JIEGujnzlF3htw+P2uDG0xPs9yy0IiWmktIh3hmLn36x3H"},
	{`{"event":"check-in","kiosk":"k1","seq":42}`, "UE5FRAFBQ1JIENCA7JDWStUsGa3Q6l8eHtIEweNx9vXLKFWroq30awCM+O5LUOFyqQ2z8ooJ0ONNwQ1ACH8xQ1z/HUWwydRkQ8c="},
	{`"José 😀 𠮷"`, "UE5FRAFBQ1JIEPdAvyQRlrQSHDcfYn13SsKyhSv+RR84bpOHGmHqWAK2wLj5f3ChVkM4M+yC4yED8g=="},
}

func TestCipherReadsWhatTheSDKsWrite(t *testing.T) {
	c := newCipher(t, "other", "enigma")
	for _, v := range vectors {
		plain, key, err := c.Decrypt(v.text, json.Valid)
		if err != nil || string(plain) != v.plain || key != "enigma" {
			t.Errorf("Decrypt(%q) = %q, %q, %v, want %q with enigma", v.text, plain, key, err, v.plain)
		}
	}
}

func TestTheSDKReadsWhatCipherWrites(t *testing.T) {
	c := newCipher(t, "enigma", "older")
	module, err := crypto.NewAesCbcCryptoModule("enigma", true)
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range []string{`"José 😀 𠮷"`, `"𠮷田"`, `{"a":"` + strings.Repeat("é", 5000) + `"}`, "x"} {
		text, err := c.Encrypt([]byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := module.Decrypt(raw); err != nil || string(got) != plain {
			t.Errorf("the SDK read %q, %v, want %q", got, err, plain)
		}
		if again, _ := c.Encrypt([]byte(plain)); again == text {
			t.Error("two texts with the same IV")
		}
	}
	if _, err := c.Encrypt(nil); err == nil {
		t.Error("encrypted nothing")
	}
}

// The SDK pads by appending to the slice it is given.
func TestEncryptLeavesTheCallersBufferAlone(t *testing.T) {
	buffer := []byte("message|next message in the same buffer")
	want := bytes.Clone(buffer)
	if _, err := newCipher(t, "enigma").Encrypt(buffer[:7]); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(buffer, want) {
		t.Errorf("buffer is now %q", buffer)
	}
}

func TestDecryptRefusesWhatIsNotOurFormat(t *testing.T) {
	c := newCipher(t, "enigma")
	good, _ := base64.StdEncoding.DecodeString(vectors[0].text)
	encode := base64.StdEncoding.EncodeToString
	for name, text := range map[string]string{
		"bare sentinel (crashes the SDK)": "UE5FRA==",
		"short IV (crashes the SDK)":      "UE5FRAFBQ1JIAwECA0FBQUFBQUFBQUFBQUFBQUE=",
		"legacy, fixed IV":                "BQ2Ywm6XtvTCGCFPTY6FJw==",
		"legacy, random IV":               "VJELRPqofDGwDnAxwYxznipjGqwio4qBRTqCLNu6y4o=",
		"empty":                           "",
		"plain":                           "hello",
		"header only":                     encode(good[:10]),
		"no ciphertext":                   encode(good[:26]),
		"odd ciphertext":                  encode(good[:len(good)-1]),
		"odd, but long enough":            encode(append(good, 0)),
		"version 2":                       encode(append([]byte("PNED\x02"), good[5:]...)),
		"long form of the IV's length":    encode(append([]byte("PNED\x01ACRH\xff\x00\x10"), good[10:]...)),
	} {
		if plain, _, err := c.Decrypt(text, func([]byte) bool { return true }); err == nil {
			t.Errorf("%s: decrypted to %q", name, plain)
		} else if !errors.Is(err, pubnub.ErrNotEncrypted) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecryptTriesTheNewestFirstAndTakesWhatIsAccepted(t *testing.T) {
	text, _ := newCipher(t, "old").Encrypt([]byte(`{"a":1}`))
	c := newCipher(t, "new", "old", "ancient")
	if _, key, err := c.Decrypt(text, json.Valid); err != nil || key != "old" {
		t.Errorf("opened with %q, %v", key, err)
	}
	if _, _, err := c.Decrypt(text, func([]byte) bool { return false }); !errors.Is(err, pubnub.ErrNoKey) {
		t.Errorf("nothing accepted: %v", err)
	}
	if _, _, err := newCipher(t, "stranger").Decrypt(text, json.Valid); !errors.Is(err, pubnub.ErrNoKey) {
		t.Errorf("stranger: %v", err)
	}
}

func TestEncryptUsesTheKeyOfTheDay(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 11, d, 0, 0, 0, 0, time.UTC) }
	at := func(d int) pubnub.Timetoken { return pubnub.TimetokenAt(day(d)) }
	keys := []pubnub.CipherKey{
		{ID: "a", Key: []byte("a"), From: at(1), Until: at(11)},
		{ID: "b", Key: []byte("b"), From: at(10), Until: at(20)},
		{ID: "c", Key: []byte("c"), From: at(15), Until: at(16)},
	}
	for _, row := range []struct {
		now  time.Time
		want string
	}{
		{day(5), "a"}, {day(10), "b"}, {day(15), "c"}, {day(17), "b"},
		{day(25), "c"},                 // all ended: the newest
		{time.Unix(0, 0), "a"},         // no clock: the oldest
		{day(1).AddDate(9, 0, 0), "c"}, // clock ahead
	} {
		c, err := pubnub.NewCipher(keys, func() time.Time { return row.now })
		if err != nil {
			t.Fatal(err)
		}
		text, err := c.Encrypt([]byte(`"x"`))
		if err != nil {
			t.Fatal(err)
		}
		if _, key, _ := c.Decrypt(text, json.Valid); key != row.want {
			t.Errorf("at %v encrypted with %q, want %q", row.now, key, row.want)
		}
	}
}

func TestCipherKeyNeverPrints(t *testing.T) {
	key := pubnub.CipherKey{ID: "2026-11", Key: []byte("hunter2")}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		fmt.Fprintf(&out, verb, key)
		fmt.Fprintf(&out, verb, []pubnub.CipherKey{key})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "k", key)
	for _, leak := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprint([]byte("hunter2"))} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q in %s", leak, out.String())
		}
	}
	if _, err := pubnub.NewCipher([]pubnub.CipherKey{{ID: "empty"}}, nil); err == nil {
		t.Error("took an empty key")
	}
}

func FuzzDecrypt(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.text)
	}
	f.Add("UE5FRA==")
	f.Add("UE5FRAFBQ1JIAwECA0FBQUFBQUFBQUFBQUFBQUE=")
	f.Add("UE5FRAFBQ1JI/wAQ")
	c := newCipher(f, "other", "enigma")
	f.Fuzz(func(t *testing.T, text string) {
		plain, key, err := c.Decrypt(text, func([]byte) bool { return true })
		if (err == nil) != (key != "") || err != nil && plain != nil {
			t.Errorf("Decrypt = %q, %q, %v", plain, key, err)
		}
	})
}
