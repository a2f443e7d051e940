package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	"clinicgate/gateway/pubnub"
	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"
)

// Two named cursors tell up to where the consents were copied.
const (
	consentInc = "mirror/consent-inc"
	consentSeq = "mirror/consent-seq"
	pageSize   = 100
)

// consents copies the records behind the cursor, a patient at a time.
func (m *Mirror) consents(ctx context.Context) error {
	for {
		at, err := m.cursor(ctx)
		if err != nil {
			return err
		}
		records, err := m.log.Read(ctx, m.cfg.ConsentLog, m.cfg.Kiosk, at, pageSize)
		if err != nil || len(records) == 0 {
			return err
		}
		patients := map[kiosk.PatientRef][]storage.Record{}
		var order []kiosk.PatientRef
		for _, r := range records {
			var c kiosk.ConsentRecorded
			if err := json.Unmarshal(r.Body, &c); err != nil || c.Record.PatientID.Validate() != nil {
				m.logger.Error("consent record cannot be copied", "event", r.ID)
				continue
			}
			if patients[c.Record.PatientID] == nil {
				order = append(order, c.Record.PatientID)
			}
			patients[c.Record.PatientID] = append(patients[c.Record.PatientID], r)
		}
		for _, p := range order {
			if err := m.patient(ctx, p, patients[p]); err != nil {
				return err
			}
		}
		last := records[len(records)-1]
		// If we stop before this, the same values are written again.
		if err := m.log.Update(ctx, func(tx *storage.Tx) error {
			return errors.Join(tx.SetCursor(consentInc, uint64(last.Inc)), tx.SetCursor(consentSeq, last.Seq))
		}); err != nil {
			return fmt.Errorf("cannot move consent cursor: %w", err)
		}
	}
}

func (m *Mirror) cursor(ctx context.Context) (at storage.Cursor, err error) {
	err = m.log.View(ctx, func(r *storage.Reader) error {
		inc, err := r.Cursor(consentInc)
		if err != nil {
			return err
		}
		at.Inc = uint32(inc)
		at.Seq, err = r.Cursor(consentSeq)
		return err
	})
	if err != nil {
		return at, fmt.Errorf("cannot read consent cursor: %w", err)
	}
	return at, nil
}

// patient writes the newest record of each type into the patient's metadata,
// all under one ETag.
func (m *Mirror) patient(ctx context.Context, p kiosk.PatientRef, records []storage.Record) error {
	signer, err := m.cfg.Signer()
	if err != nil {
		return err
	}
	type value struct {
		text string
		hlc  storage.HLC
	}
	values := map[string]value{}
	for _, r := range records {
		var c kiosk.ConsentRecorded
		if err := json.Unmarshal(r.Body, &c); err != nil {
			return err
		}
		text, err := signer.Message(r)
		if err != nil {
			return fmt.Errorf("cannot sign consent copy: %w", err)
		}
		sealed, err := m.cipher.Encrypt(text)
		if err != nil {
			return fmt.Errorf("cannot seal consent copy: %w", err)
		}
		values["consent_"+c.Record.Type] = value{sealed, r.HLC}
	}
	return m.write(ctx, func() (pubnub.Metadata, error) { return m.service.UserMetadata(ctx, string(p)) },
		func(old pubnub.Metadata) (pubnub.Metadata, bool) {
			custom := maps.Clone(old.Custom)
			if custom == nil {
				custom = map[string]string{}
			}
			needed := false
			for name, v := range values {
				was, hlc := m.opened(custom[name])
				if custom[name] != "" && !was {
					m.cfg.Foreign(ctx, m.cfg.ConsentLog)
				}
				if was && hlc >= v.hlc {
					continue // another kiosk has written a newer one
				}
				custom[name], needed = v.text, true
			}
			return pubnub.Metadata{Name: old.Name, Custom: custom}, needed
		},
		func(md pubnub.Metadata, etag string) error {
			_, err := m.service.SetUserMetadata(ctx, string(p), md, etag)
			return err
		})
}

// opened tells whether a value is sealed, and of when its record is.
func (m *Mirror) opened(value string) (sealed bool, hlc storage.HLC) {
	_, _, err := m.cipher.Decrypt(value, func(plain []byte) bool {
		env, err := wire.Parse(plain)
		hlc = env.GW.HLC
		return err == nil && env.Signed
	})
	return err == nil, hlc
}
