package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"clinicgate/gateway/pubnub"
	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
)

// staffApp is a provider's own app: a PubNub client of its own that knows
// nothing of the gateway but the channel names, the published shapes and the
// cipher key.
type staffApp struct {
	who    provider
	client *pubnub.Client
	cipher *pubnub.Cipher
	pace   time.Duration // of one visit
	log    *slog.Logger

	mu     sync.Mutex
	queue  map[kiosk.EntryID]kiosk.EntryShape // guarded by mu: this provider's patients
	order  []kiosk.EntryID
	served int
}

// run shows the provider as available and, when seeing is set, calls, sees and
// completes the patients of the provider.
func (a *staffApp) run(ctx context.Context) error {
	a.queue = map[kiosk.EntryID]kiosk.EntryShape{}
	d := kiosk.DepartmentID(a.who.department)
	sub := a.client.Subscribe(0)
	if err := sub.SetChannels(kiosk.QueueChannel(d), kiosk.PresenceChannel(d)); err != nil {
		return err
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { _ = sub.Run(ctx, a.heard) })
	wg.Go(func() { a.keepPresent(ctx, d) })
	if a.pace == 0 {
		<-ctx.Done()
		return nil
	}
	for ctx.Err() == nil {
		entry, ok := a.next()
		if !ok {
			pause(ctx, 300*time.Millisecond)
			continue
		}
		a.see(ctx, d, entry)
	}
	return nil
}

// keepPresent tells PubNub's presence now and then that the provider is there.
func (a *staffApp) keepPresent(ctx context.Context, d kiosk.DepartmentID) {
	for ctx.Err() == nil {
		err := a.client.SetState(ctx, kiosk.PresenceChannel(d), map[string]string{"status": "available", "displayName": a.who.name})
		if err != nil {
			pause(ctx, 3*time.Second)
			continue
		}
		pause(ctx, time.Minute)
	}
}

// heard follows the queue channel.
func (a *staffApp) heard(m pubnub.Message) {
	text, ok := m.Text()
	if !ok {
		return
	}
	var env wire.Envelope
	if _, _, err := a.cipher.Decrypt(text, func(plain []byte) bool {
		e, err := wire.Parse(plain)
		env = e
		return err == nil
	}); err != nil {
		return
	}
	for _, e := range env.Events {
		var msg struct {
			Action       string           `json:"action"`
			Entry        kiosk.EntryShape `json:"entry"`
			QueueEntryID kiosk.EntryID    `json:"queueEntryId"`
			NewStatus    kiosk.Status     `json:"newStatus"`
		}
		if json.Unmarshal(e.Body, &msg) != nil {
			continue
		}
		a.mu.Lock()
		switch {
		case msg.Action == "PATIENT_ADDED" && string(msg.Entry.ProviderID) == a.who.id:
			a.queue[msg.Entry.ID] = msg.Entry
		case msg.Action == "STATUS_UPDATED" && msg.NewStatus == kiosk.Waiting:
			if _, mine := a.queue[msg.QueueEntryID]; mine {
				a.order = append(a.order, msg.QueueEntryID)
			}
		case msg.Action == "PATIENT_REMOVED":
			delete(a.queue, msg.QueueEntryID)
		}
		a.mu.Unlock()
	}
}

func (a *staffApp) next() (kiosk.EntryShape, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.order) > 0 {
		id := a.order[0]
		a.order = a.order[1:]
		if e, ok := a.queue[id]; ok {
			delete(a.queue, id)
			return e, true
		}
	}
	return kiosk.EntryShape{}, false
}

// see calls a patient, begins and ends the visit.
func (a *staffApp) see(ctx context.Context, d kiosk.DepartmentID, e kiosk.EntryShape) {
	now := func() kiosk.Timestamp { return kiosk.At(time.Now()) }
	a.publish(ctx, d, kiosk.Called{Action: "CALLED", QueueEntryID: e.ID, Ticket: e.Metadata.Ticket, Room: a.who.room, CalledBy: a.who.id, Timestamp: now()})
	pause(ctx, a.pace/4+rand.N(a.pace/4+1))
	status := func(s kiosk.Status) {
		a.publish(ctx, d, kiosk.StatusUpdated{Action: "STATUS_UPDATED", QueueEntryID: e.ID, NewStatus: s, UpdatedBy: a.who.id, Timestamp: now()})
	}
	status(kiosk.InConsultation)
	pause(ctx, a.pace/2+rand.N(a.pace/2+1))
	status(kiosk.Completed)
	a.mu.Lock()
	a.served++
	a.mu.Unlock()
}

// publish sends until PubNub has accepted.
func (a *staffApp) publish(ctx context.Context, d kiosk.DepartmentID, message any) {
	text, err := json.Marshal(message)
	if err != nil {
		return
	}
	sealed, err := a.cipher.Encrypt(text)
	if err != nil {
		return
	}
	for ctx.Err() == nil {
		if _, err := a.client.Publish(ctx, kiosk.QueueChannel(d), sealed, pubnub.PublishOptions{Store: true}); err == nil {
			return
		}
		pause(ctx, time.Second)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
