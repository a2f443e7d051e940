package downlink

import (
	"encoding/binary"
	"fmt"

	"clinicgate/kiosk/wire"
	"clinicgate/storage"
)

// Window is how many of the newest events of a stream a kiosk can show to others:
// for more than a day of the busiest queue.
const Window = 2048

// proofView keeps the proofs of a stream's last Window events, in a ring.
const proofView = "proof"

const (
	proofKeyID = 16
	proofSize  = 4 + 8 + proofKeyID + 64
)

func proofKey(kioskID, channel string, seq uint64) []byte {
	return fmt.Appendf(nil, "%s\n%s\n%d", kioskID, channel, seq%Window)
}

func putProof(tx *storage.Tx, b Believed) error {
	if len(b.Proof.KeyID) != proofKeyID || len(b.Proof.Sig) != proofSize-12-proofKeyID {
		return nil
	}
	row := binary.BigEndian.AppendUint32(make([]byte, 0, proofSize), b.Origin.Inc)
	row = binary.BigEndian.AppendUint64(row, b.Origin.Seq)
	row = append(row, b.Proof.KeyID...)
	row = append(row, b.Proof.Sig...)
	return tx.Put(proofView, proofKey(b.Origin.Kiosk, b.Channel, b.Origin.Seq), row)
}

// ProofOf gives the proof that came with another kiosk's event; false where it
// came in a batch, is older than Window, or came while none were kept.
func ProofOf(from *storage.Reader, r storage.Record) (wire.Proof, bool, error) {
	if r.Origin == nil {
		return wire.Proof{}, false, nil
	}
	row, err := from.Get(proofView, proofKey(r.Origin.Kiosk, r.Channel, r.Seq))
	if err != nil || len(row) != proofSize || binary.BigEndian.Uint32(row) != r.Inc || binary.BigEndian.Uint64(row[4:]) != r.Seq {
		return wire.Proof{}, false, err
	}
	row = row[12:]
	return wire.Proof{KeyID: string(row[:proofKeyID]), Sig: row[proofKeyID:]}, true, nil
}
