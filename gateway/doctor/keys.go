package doctor

import (
	"context"
	"path/filepath"
	"strings"

	"clinicgate/storage/keyring"
)

// KeySource looks at what protects the root key from whoever takes the disk.
// file is the key's or passphrase's file, "" where there is none.
func KeySource(strength keyring.Strength, file, dataDir string) Check {
	return Check{ID: "key-source", Run: func(context.Context) Result {
		switch {
		case strength == keyring.StrengthFile:
			return Result{Fail, "the store's key lies in a file: whoever takes the disk can read the patients' data", "use a passphrase or a source that the machine protects: `clinicgate keys init --help`"}
		case strength == keyring.StrengthRecovery:
			return Result{Fail, "the store was opened with the recovery key", "set a lasting key source: `clinicgate keys init --help`"}
		case file != "" && inside(file, dataDir):
			return Result{Fail, "the passphrase's file lies in the data folder: who copies the folder has both", "move it elsewhere and correct key_source.file in the config"}
		case file != "" && strength == keyring.StrengthPassphrase:
			return Result{Warn, "the passphrase lies in a file of this machine", "hand it over by key_source.fd, or keep the file on a medium that leaves the kiosk"}
		}
		return Result{State: OK, Detail: "the root key is protected by: " + string(strength)}
	}}
}

func inside(file, folder string) bool {
	relative, err := filepath.Rel(folder, file)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, ".."+string(filepath.Separator))
}

// RecoveryKey looks whether the clinic can open the store when the key source is
// lost.
func RecoveryKey(isSet func() bool) Check {
	return Check{ID: "recovery-key", Run: func(context.Context) Result {
		if !isSet() {
			return Result{Warn, "no recovery key is set: when the key source is lost, so are the unsent events", "`clinicgate keys recovery init` makes one; keep its private half in a safe"}
		}
		return Result{State: OK, Detail: "a recovery key is set"}
	}}
}
