package gateway

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// A store that was salvaged, rolled back or lost goes on in a new life. Its views
// may lack what the log still knows, so they are rebuilt, and it is recorded, once
// for each life. The cursor says for which life both were done; a process that
// is killed before does them at its next start.
const recoveredCursor = "recovered"

// maxRecoveries bounds how often one process begins again by itself because its
// store was damaged while it ran. A disk that goes on like that is for the service
// manager, and for people.
const maxRecoveries = 3

// recoveredError ends a run whose store was recovered while it ran.
type recoveredError struct{ found string }

func (e recoveredError) Error() string { return "the store was recovered while running: " + e.found }

// Hint tells a person what to do.
func (recoveredError) Hint() string {
	return "check the disk; `clinicgate store check` and `clinicgate status` say what was lost"
}

// recovered says in words what opening the store had to repair, or "".
func recovered(o storage.Opened) string {
	switch {
	case o.Salvaged != nil:
		return "the file was damaged; every record that could be read was kept"
	case o.Rolled != nil:
		return "an older copy of the store was found in place of the newer one"
	case o.Lost:
		return "the store's file was gone; a new one was begun"
	case !o.Clean && !o.Created:
		return "the process had been killed"
	}
	return ""
}

// repaired is recovered without what is no sign of a fault.
func repaired(o storage.Opened) string {
	if o.Salvaged == nil && o.Rolled == nil && !o.Lost {
		return ""
	}
	return recovered(o)
}

// unsettledLife gives the store's life where its views have yet to be rebuilt, else
// 0.
func (g *Gateway) unsettledLife(ctx context.Context) (life uint32, err error) {
	life = g.store.Status().Life
	var settled uint64
	err = g.store.View(ctx, func(r *storage.Reader) (err error) {
		settled, err = r.Cursor(recoveredCursor)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("cannot read for which life the views are: %w", err)
	}
	if uint64(life) == max(settled, 1) {
		return 0, nil
	}
	return life, nil
}

// settleLife records that the store was recovered, and that it is settled.
func (g *Gateway) settleLife(ctx context.Context) error {
	if g.recovered == 0 {
		return nil
	}
	g.log.Error("the store was not as it was left; views are rebuilt from the log", "life", g.recovered, "found", g.found)
	act := kiosk.Act{
		ID:    kiosk.DeriveID(uuid.NewSHA1(gapNamespace, []byte("life")), "recovered", string(g.self), strconv.FormatUint(uint64(g.recovered), 10)),
		Actor: kiosk.Actor{Kind: kiosk.ActorSystem, ID: "service"},
	}
	err := g.store.Update(ctx, func(tx *storage.Tx) error {
		return errors.Join(
			g.journal.Audit(tx, act, kiosk.StoreRecovered, kiosk.AuditFacts{Action: "process", Resource: string(g.self)}),
			tx.SetCursor(recoveredCursor, uint64(g.recovered)))
	})
	if errors.Is(err, storage.ErrFull) {
		return nil // said at the next start
	}
	if err != nil {
		return fmt.Errorf("cannot record the recovery: %w", err)
	}
	return nil
}

// runRecovery ends the run when the store was recovered: what the parts keep in
// memory may be of rows that are gone.
func (g *Gateway) runRecovery(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case o := <-g.changed:
		if o.Salvaged == nil && o.Rolled == nil && !o.Lost {
			return recoveredError{"a salvage that was interrupted has been finished"}
		}
		return recoveredError{recovered(o)}
	}
}
