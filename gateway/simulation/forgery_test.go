package simulation_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"
)

// forge is an attacker who holds the cipher key and a provider's account, may
// publish everywhere, and has no listed key that still holds.
func (c *clinic) forge(d *rand.Rand) error {
	var states []queue.State
	victim := c.machines[d.IntN(len(c.machines))]
	if p := victim.process.Load(); p != nil {
		states = p.queue.States(p.queue.Today())
	}
	s, found := pick(d, states)
	id := s.Entry.ID
	if !found {
		id = kiosk.EntryID(request(d))
	}
	dep := departments[d.IntN(len(departments))]
	if found {
		dep = s.Entry.Department
	}
	var insider, outsider queue.Provider
	for _, p := range providers {
		if p.Department == dep {
			insider = p
		} else {
			outsider = p
		}
	}
	at := kiosk.At(time.Now())
	status := func(by string) kiosk.StatusUpdated {
		return kiosk.StatusUpdated{Action: "STATUS_UPDATED", QueueEntryID: id, NewStatus: kiosk.Cancelled, UpdatedBy: by, Timestamp: at}
	}
	added := kiosk.PatientAdded{Action: "PATIENT_ADDED", Timestamp: at, Entry: mallory(d, dep)}
	channel, device := kiosk.QueueChannel(dep), kiosk.DeviceChannel(victim.id)
	send := func(channel, publisher string, body any, encrypted bool) {
		c.publish(channel, publisher, body, encrypted, byForger, 0)
	}
	if c.site != nil && d.IntN(2) == 0 {
		for range 4 {
			c.site.abuse(d)
		}
		return nil
	}
	switch d.IntN(14) {
	case 0:
		send(channel, "mallory", status("mallory"), true)
	case 1:
		send(channel, string(insider.ID), status(string(outsider.ID)), true)
	case 2:
		send(channel, string(outsider.ID), status(string(outsider.ID)), true)
	case 3:
		send(channel, string(insider.ID), added, true)
	case 4:
		send(channel, string(insider.ID), kiosk.Corrected{Action: "CORRECTED", QueueEntryID: id, Undoes: s.Last.Fact, UpdatedBy: string(insider.ID), Timestamp: at}, true)
	case 5:
		send(channel, string(victim.id), c.signed(d, string(victim.id), c.thief, channel, added), true)
	case 6:
		send(channel, retiredKiosk, c.signed(d, retiredKiosk, c.retired, channel, added, status("staff:ana")), true)
	case 7:
		send(channel, string(victim.id), c.signed(d, string(victim.id), c.thief, channel, added, status("staff:ana")), true)
	case 8: // everything that this kiosk will ever say is skipped
		send(device, string(victim.id), c.signed(d, string(victim.id), c.thief, device, kiosk.Gap{Type: "GAP", Channel: channel, Inc: 1, First: 1, Last: 1 << 40, Count: 1 << 40, Timestamp: at}), true)
	case 9:
		send(device, string(insider.ID), kiosk.ClockCorrected{Type: "CLOCK_CORRECTED", Boot: victim.boot, Offset: 7, Timestamp: at}, true)
	case 10:
		send(channel, "mallory", []byte(`"`+string(bytes.Repeat([]byte("A"), 64))+`"`), false)
		send(channel, "mallory", []byte(`{"message":"hi"}`), false)
	default:
		c.replay(d)
	}
	return nil
}

// mallory is an entry that must never be seen.
func mallory(d *rand.Rand, dep kiosk.DepartmentID) kiosk.EntryShape {
	now := kiosk.At(time.Now()).Time
	return kiosk.Entry{ID: kiosk.EntryID(request(d)), Patient: kiosk.NewPatientRef(refKey, phi.New("mallory")), Department: dep,
		Status: kiosk.CheckedIn, Priority: kiosk.Emergency, CheckInTime: now,
		Metadata: kiosk.Metadata{Ticket: "Z-666", Day: calendar.Day(now), OrderAt: now, Mode: kiosk.InPerson}}.Shape()
}

// canonical is a body as a store has it.
func canonical(body any) []byte {
	text, _ := json.Marshal(body)
	text, err := jcs.Transform(text)
	if err != nil {
		panic(err)
	}
	return text
}

// signed is the text of one event, or of a batch, made as if by a kiosk.
func (c *clinic) signed(d *rand.Rand, as string, key ed25519.PrivateKey, channel string, bodies ...any) []byte {
	first := 1 + d.Uint64N(50)
	var run []storage.Record
	for i, body := range bodies {
		id := request(d)
		c.mu.Lock()
		c.forged = append(c.forged, id)
		c.mu.Unlock()
		run = append(run, storage.Record{Event: storage.Event{ID: id, Channel: channel, Body: canonical(body)}, Inc: 1, Seq: first + uint64(i),
			HLC: storage.NewHLC(time.Now()), Boot: uuid.UUID{1}, Synced: true})
	}
	s := wire.Signer{Kiosk: as, Key: key}
	text, err := s.Message(run[0])
	if len(run) > 1 {
		text, _, err = s.Batch(run, d.IntN(2) == 0)
	}
	if err != nil {
		panic(err)
	}
	return text
}

// replay publishes something that was published before: as it was, elsewhere, or
// with another's name on it.
func (c *clinic) replay(d *rand.Rand) {
	old, ok := pick(d, c.cloud.all())
	kind, dep := d.IntN(3), departments[d.IntN(len(departments))]
	if !ok || !old.parsed {
		return
	}
	m, from := old.Message, byReplay
	switch {
	case kind == 1 && old.env.Signed && m.Channel != kiosk.QueueChannel(dep):
		m.Channel, from = kiosk.QueueChannel(dep), byForger
	case kind == 2 && old.sender == byProvider:
		m.Publisher, from = "mallory", byForger
	case old.sender != byKiosk:
		return // an unsigned message sent again by the same account is a new one
	}
	c.cloud.accept(m, from, 0)
	c.tell("replayed a message of %s on %s", fmt.Sprint(old.Publisher), m.Channel)
}
