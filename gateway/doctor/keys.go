package doctor

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

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

// keyOld is when a key is to be rotated.
const keyOld = 365 * 24 * time.Hour

// KeyAge looks how old the keys are that seal and that the clinic shares. now is
// trusted time as well as it is known.
func KeyAge(epochs func() []keyring.Epoch, secrets func() []keyring.Named, now func() time.Time) Check {
	return Check{ID: "key-age", Run: func(context.Context) Result {
		oldest, class, hint := now(), "", ""
		for _, e := range epochs() {
			if e.State == keyring.Active && e.Created.Before(oldest) {
				oldest, class, hint = e.Created, "of class "+e.Class, "`clinicgate keys rotate "+e.Class+"`"
			}
		}
		newest := time.Time{}
		for _, s := range secrets() {
			if s.Kind == keyring.PubNubCipher && s.Created.After(newest) {
				newest = s.Created
			}
		}
		if !newest.IsZero() && newest.Before(oldest) {
			oldest, class, hint = newest, "of PubNub's messages", "give every kiosk and app of the clinic a new one: `clinicgate keys import`"
		}
		if age := now().Sub(oldest); age > keyOld {
			return Result{Warn, fmt.Sprintf("the key %s is %d days old", class, int(age.Hours()/24)), hint}
		}
		return Result{State: OK, Detail: "no key in use is older than a year"}
	}}
}

// ClinicKeys looks whether the clinic's shared keys are in the keyring.
func ClinicKeys(held func(keyring.Kind) bool) Check {
	return Check{ID: "key-clinic", Run: func(context.Context) Result {
		for _, k := range []struct {
			kind  keyring.Kind
			state State
			lacks string
		}{
			{keyring.PubNubCipher, Fail, "the clinic's PubNub cipher key is not in the keyring: nothing is sent"},
			{keyring.PatientReference, Fail, "the clinic's patient reference key is not in the keyring: no list of appointments can be taken"},
			{keyring.Ticket, Warn, "the clinic's ticket key is not in the keyring: tickets are printed without a code"},
			{keyring.AppointmentCode, Warn, "the public key of the appointment codes is not in the keyring: patients cannot check in by QR code"},
		} {
			if !held(k.kind) {
				return Result{k.state, k.lacks, "`clinicgate keys import` takes it from standard input; the clinic's other kiosks have it"}
			}
		}
		return Result{State: OK, Detail: "the clinic's keys are in the keyring"}
	}}
}
