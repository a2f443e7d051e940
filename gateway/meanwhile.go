package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/google/uuid"

	"clinicgate/kiosk"
	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

// What people do on the files of a service that does not run is noted in the data
// folder. The next time that the store is open, each note becomes an entry of the
// audit log, under the person's name and with the time of the act.

// note is one act.
type note struct {
	ID       uuid.UUID       `json:"id"`
	At       time.Time       `json:"at"`
	By       string          `json:"by"`
	Type     kiosk.AuditType `json:"type"`
	Action   string          `json:"action"`
	Resource string          `json:"resource"` // a reference where it is a patient
}

const (
	meanwhileFile    = "meanwhile.json" // in the data folder, until the notes are on record
	maxNotes         = 200
	maxMeanwhileFile = 128 << 10
)

// NoteKeyChange notes a change of the keyring, for who holds the data folder's lock.
func NoteKeyChange(dir string, by kiosk.Actor, what string) error {
	t, f := keyChange(what)
	return noteHeld(dir, by, t, f)
}

// NotedKeyChange notes a change of the keyring, does it, and takes the note back where
// it failed, for who holds the data folder's lock. Cut short, it is on record rather
// than not.
func NotedKeyChange(dir string, by kiosk.Actor, what string, change func() error) error {
	t, f := keyChange(what)
	return noted(dir, by, t, f, change)
}

func noted(dir string, by kiosk.Actor, t kiosk.AuditType, f kiosk.AuditFacts, do func() error) error {
	before, err := readNotes(keyring.Dir(dir))
	if err == nil {
		err = noteHeld(dir, by, t, f)
	}
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return errors.Join(err, writeNotes(dir, before))
	}
	return nil
}

// keyChange is how a change of the keyring stands in the audit log.
func keyChange(what string) (kiosk.AuditType, kiosk.AuditFacts) {
	t := kiosk.KeyRotated
	if what == "imported" {
		t = kiosk.KeyImported
	}
	return t, kiosk.AuditFacts{Action: what, Resource: "keyring"}
}

// noteMeanwhile notes what somebody does on the data folder of a service that does
// not run. It refuses while one does.
func noteMeanwhile(ctx context.Context, dir string, by kiosk.Actor, t kiosk.AuditType, f kiosk.AuditFacts) (err error) {
	lock, err := storage.Lock(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return noteHeld(dir, by, t, f)
}

// noteHeld is noteMeanwhile for who holds the folder's lock.
func noteHeld(dir string, by kiosk.Actor, t kiosk.AuditType, f kiosk.AuditFacts) error {
	list, err := readNotes(keyring.Dir(dir))
	if err != nil {
		return hinted{err, "start the service: it puts on record that the file was damaged"}
	}
	if len(list) == maxNotes {
		return hinted{errors.New("too much was done while no service ran"), "start the service: it puts it on record"}
	}
	return writeNotes(dir, append(list, note{uuid.New(), time.Now(), by.ID, t, f.Action, f.Resource}))
}

func writeNotes(dir string, list []note) error {
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return keyring.ReplaceFile(keyring.Dir(dir), meanwhileFile, text)
}

func readNotes(dir keyring.Dir) (list []note, err error) {
	text, err := dir.ReadFile(meanwhileFile, maxMeanwhileFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", meanwhileFile, err)
	}
	return list, nil
}

// sayMeanwhile puts on record what was done while no service ran. A note that is on
// record already is recorded once only.
func (g *Gateway) sayMeanwhile(ctx context.Context) error {
	dir := keyring.Dir(g.cfg.Storage.Dir)
	list, err := readNotes(dir)
	if err != nil {
		// Somebody wrote into it: that is worth more than a start that fails.
		err = g.audit(ctx, kiosk.NewAct(kiosk.Actor{Kind: kiosk.ActorSystem, ID: "service"}), kiosk.TechnicianAccess,
			kiosk.AuditFacts{Action: "unreadable list of what was done while no service ran", Outcome: kiosk.OutcomeFailure, Resource: string(g.self)})
		if err != nil {
			return err
		}
		return dir.Rename(meanwhileFile, meanwhileFile+".damaged")
	}
	for _, n := range list {
		act := kiosk.Act{ID: n.ID, Actor: kiosk.Actor{Kind: kiosk.ActorStaff, ID: n.By}}
		if err := g.audit(ctx, act, n.Type, kiosk.AuditFacts{Action: n.Action + " while no service ran", Resource: n.Resource, Happened: n.At}); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	return dir.Remove(meanwhileFile)
}
