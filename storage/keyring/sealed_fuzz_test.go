package keyring

import "testing"

// Whatever lies in the credential's file, its strength is one of three, and never
// better than what a known id says.
func FuzzSealedBy(f *testing.F) {
	f.Add([]byte("BYRp2vb1QySABUnaD46i+yAAAAABAAAADAAAABAAAADg"))
	f.Add([]byte("k6iUCUh0RJCQyvL8k8q1UwAA"))
	f.Add([]byte("\n \r\t="))
	f.Fuzz(func(t *testing.T, text []byte) {
		id, err := sealedID(text)
		switch s := sealedBy(text); {
		case s != StrengthHardware && s != StrengthOS && s != StrengthFile:
			t.Errorf("strength %q", s)
		case s != StrengthOS && (err != nil || len(id) != sealedIDSize):
			t.Errorf("%s without an id: %v", s, err)
		}
	})
}
