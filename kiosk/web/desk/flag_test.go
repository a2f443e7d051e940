package desk_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clinicgate/kiosk"
)

// TestEveryFlagHasWords: what asks for a person's attention is said in words.
func TestEveryFlagHasWords(t *testing.T) {
	files, err := filepath.Glob("languages/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []kiosk.Flag{kiosk.FlagConsentDeclined, kiosk.FlagConsentMissing, kiosk.FlagConsentDesk, kiosk.FlagConsentSigner, kiosk.FlagDetails,
			kiosk.FlagDevices, kiosk.FlagProvisional, kiosk.FlagArrived, kiosk.FlagConflict} {
			if !strings.Contains(string(text), `"flag.`+string(f)+`" = "`) {
				t.Errorf("%s has no words for %s", file, f)
			}
		}
	}
}
