package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/google/uuid"

	"clinicgate/gateway/control"
	"clinicgate/kiosk"
	"clinicgate/storage"
	"clinicgate/storage/keyring"
)

// What people do on the files of a service that does not run is noted in the data
// folder. The next time that the store is open, each note becomes an entry of the
// audit log, under the person's name and with the time of the act. A change of the
// keyring is noted so by the running service too, until it is on record: the keyring
// is a file beside the store, and what ends the service may come between the two.

// note is one act.
type note struct {
	ID       uuid.UUID       `json:"id"`
	At       time.Time       `json:"at"`
	By       string          `json:"by"`
	Type     kiosk.AuditType `json:"type"`
	Action   string          `json:"action"`
	Resource string          `json:"resource"`          // a reference where it is a patient
	Running  bool            `json:"running,omitempty"` // the service itself did it
}

const (
	meanwhileFile    = "meanwhile.json" // in the data folder, until the notes are on record
	maxNotes         = 200
	maxMeanwhileFile = 128 << 10
)

// NotedKeyChange notes a change of the keyring, does it, and takes the note back where
// it failed, for who holds the data folder's lock. Cut short, it is on record rather
// than not.
func NotedKeyChange(dir string, by kiosk.Actor, what string, change func() error) error {
	t, f := keyChange(what)
	return noted(dir, by, t, f, change)
}

func noted(dir string, by kiosk.Actor, t kiosk.AuditType, f kiosk.AuditFacts, do func() error) error {
	n := newNote(by, t, f)
	if err := n.add(dir); err != nil {
		return err
	}
	if err := do(); err != nil {
		return errors.Join(err, n.remove(dir))
	}
	return nil
}

// changeKeys changes the running service's keyring so that it comes on record,
// whatever ends the service meanwhile, and makes the parts use it.
func (g *Gateway) changeKeys(ctx context.Context, by control.Caller, what string, do func() error) error {
	g.changingKeys.Lock()
	defer g.changingKeys.Unlock()
	dir := g.cfg.Storage.Dir
	t, f := keyChange(what)
	n := newNote(by.Actor, t, f)
	n.Running = true
	if err := n.add(dir); err != nil {
		return err
	}
	if err := do(); err != nil {
		return errors.Join(err, n.remove(dir))
	}
	err := g.audit(ctx, kiosk.Act{ID: n.ID, Actor: by.Actor}, t, f)
	if err == nil { // else the next start puts it on record
		err = n.remove(dir)
	}
	if err := errors.Join(err, g.keysChanged()); err != nil {
		return fmt.Errorf("the keys were changed, and what follows from it failed: %w", err)
	}
	if !bytes.Equal(g.madeFrom, g.clinicKeys()) {
		// What is made from these keys at the start is made anew.
		g.reload()
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
	return newNote(by, t, f).add(dir)
}

func newNote(by kiosk.Actor, t kiosk.AuditType, f kiosk.AuditFacts) note {
	return note{ID: uuid.New(), At: time.Now(), By: by.ID, Type: t, Action: f.Action, Resource: f.Resource}
}

func (n note) add(dir string) error {
	list, err := readNotes(keyring.Dir(dir))
	if err != nil {
		return hinted{err, "start the service: it puts on record that the file was damaged"}
	}
	if len(list) >= maxNotes {
		return hinted{errors.New("too much was done while no service ran"), "start the service: it puts it on record"}
	}
	return writeNotes(dir, append(list, n))
}

// remove takes a note out, which is on record or of nothing.
func (n note) remove(dir string) error {
	list, err := readNotes(keyring.Dir(dir))
	if err != nil {
		return err
	}
	return writeNotes(dir, slices.DeleteFunc(list, func(o note) bool { return o.ID == n.ID }))
}

func writeNotes(dir string, list []note) error {
	if len(list) == 0 {
		if err := keyring.Dir(dir).Remove(meanwhileFile); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
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
		when := " while no service ran"
		if n.Running {
			when = " while the service ended"
		}
		if err := g.audit(ctx, act, n.Type, kiosk.AuditFacts{Action: n.Action + when, Resource: n.Resource, Happened: n.At}); err != nil {
			return err
		}
	}
	if len(list) == 0 {
		return nil
	}
	return dir.Remove(meanwhileFile)
}
