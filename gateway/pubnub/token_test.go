package pubnub_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/pubnub"
)

// sampleToken was made from the published token layout and read by two SDKs.
const sampleToken = "qEF2AkF0GmsCHU1DdHRsD0NyZXOlRGNoYW6hcHF1ZXVlLmNhcmRpb2xvZ3kDQ2dycKBEdXVpZKBDdXNyoENzcGOgQ3BhdKVEY2hhbqFuXnF1ZXVlXC5bXi5dKyQBQ2dycKBEdXVpZKBDdXNyoENzcGOgRG1ldGGgRHV1aWRna2lvc2stMUNzaWdYICaw9W90bpzdZvCjdna9k3zjhO5fqKYtci75T_6LJL9X"

func TestParseToken(t *testing.T) {
	got, err := pubnub.ParseToken(sampleToken)
	if err != nil {
		t.Fatal(err)
	}
	issued := time.Unix(1795300685, 0)
	if !got.Issued.Equal(issued) || !got.Expires.Equal(issued.Add(15*time.Minute)) || got.User != "kiosk-1" ||
		!slices.Equal(got.Channels, []string{"queue.cardiology"}) || !slices.Equal(got.Patterns, []string{`^queue\.[^.]+$`}) {
		t.Errorf("ParseToken = %+v", got)
	}
	for _, bad := range []string{"", "x", "demo", sampleToken[:40], strings.Repeat("A", 64), strings.Repeat("q", 1<<16), "oA"} {
		if _, err := pubnub.ParseToken(bad); !errors.Is(err, pubnub.ErrToken) {
			t.Errorf("ParseToken(%.20q) gave %v, want ErrToken", bad, err)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(sampleToken)
	f.Add("oA")
	f.Fuzz(func(t *testing.T, text string) {
		if tok, err := pubnub.ParseToken(text); err == nil && !tok.Expires.After(tok.Issued) {
			t.Errorf("token that never lived: %+v", tok)
		}
	})
}
