package checkin

import (
	"context"
	"fmt"
	"time"

	"clinicgate/kiosk"
	"clinicgate/storage"
)

// History reads what a stream holds; *storage.Store does.
type History interface {
	Read(ctx context.Context, channel, kiosk string, after storage.Cursor, max int) ([]storage.Record, error)
}

const (
	rebuildPage  = 200
	rebuildQueue = 48 * time.Hour // the queue forgets what is older
)

// Rebuild puts back what the event log still knows and the views have lost:
// queue entries of the last two days, consents, calls for help and
// appointments. Call it after Load when the store had to be salvaged, rolled
// back or made anew; what is there already stays as it is. sources are the
// other kiosks, and "@" and the id of providers, whose events may be here.
func (s *Service) Rebuild(ctx context.Context, log History, sources ...string) error {
	since := s.cfg.Now().Wall.Add(-rebuildQueue)
	channels := map[string]time.Time{kiosk.ConsentChannel(s.cfg.Organization): {}}
	for _, d := range s.cfg.Departments {
		channels[kiosk.QueueChannel(d.ID)] = since
		channels[kiosk.EmergencyChannel(d.ID)] = since
		channels[kiosk.RosterChannel(d.ID)] = time.Time{} // kept two days, and names tomorrow's patients
	}
	for channel, since := range channels {
		for _, source := range append([]string{""}, sources...) {
			if err := s.replay(ctx, log, channel, source, since); err != nil {
				return fmt.Errorf("cannot rebuild from channel %s: %w", channel, err)
			}
		}
	}
	return nil
}

// replay takes in the records of one stream again.
func (s *Service) replay(ctx context.Context, log History, channel, source string, since time.Time) error {
	var after storage.Cursor
	for {
		page, err := log.Read(ctx, channel, source, after, rebuildPage)
		if err != nil || len(page) == 0 {
			return err
		}
		err = s.queue.Update(ctx, func(tx *storage.Tx) error {
			for _, r := range page {
				if r.HLC.Time().Before(since) {
					continue
				}
				if err := s.again(tx, r); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		last := page[len(page)-1]
		after = storage.Cursor{Inc: last.Inc, Seq: last.Seq}
	}
}

// again takes in one record. One that cannot be read was set aside when it came,
// too.
func (s *Service) again(tx *storage.Tx, r storage.Record) error {
	d, ok := kiosk.Defined(r.Kind)
	if !ok {
		return nil
	}
	message, err := kiosk.Decode(d, r.Body)
	if err != nil {
		return nil
	}
	m := kiosk.Received{Channel: r.Channel, ID: r.ID, Message: message}
	if r.Origin != nil {
		m.Origin = *r.Origin
		if id, unsigned := cutPublisher(r.Origin.Kiosk); unsigned {
			m.Publisher = id
		}
	} else {
		m.Origin = storage.Origin{Kiosk: string(s.cfg.Kiosk), Inc: r.Inc, Seq: r.Seq, HLC: r.HLC, Boot: r.Boot, Mono: r.Mono, Synced: r.Synced}
	}
	_, err = s.Apply(tx, m)
	return err
}

func cutPublisher(source string) (kiosk.ProviderID, bool) {
	if len(source) > 1 && source[0] == '@' {
		return kiosk.ProviderID(source[1:]), true
	}
	return "", false
}
