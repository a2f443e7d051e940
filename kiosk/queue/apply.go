package queue

import (
	"context"
	"slices"

	"clinicgate/kiosk"
	"clinicgate/storage"
)

// Apply takes in a believed message of the queue channel, another kiosk's, the
// authority's or a provider's, or our own come back: then it learns the publish
// timetoken, and after a restore from an old copy the fact itself.
//
// It is called inside Update, in the transaction that stores the event. A
// message that comes twice, or before the entry that it is about, is fine. The
// error is the store's; a message that makes no sense is Ignored.
func (q *Queue) Apply(tx *storage.Tx, m kiosk.Received) (kiosk.Result, error) {
	s, err := q.staged(tx)
	if err != nil {
		return kiosk.Ignored, err
	}
	q.hear(m.Origin)
	c, ok := kiosk.ParseChannel(m.Channel)
	if !ok || c.Family != kiosk.QueueFamily {
		return kiosk.Ignored, nil
	}
	f := Fact{ID: m.ID, Queue: c.Department}
	f.origin(m.Origin)
	var id kiosk.EntryID
	by := ""
	switch msg := m.Message.(type) {
	case *kiosk.PatientAdded:
		e, err := msg.Entry.Entry()
		if err != nil || e.Department != c.Department {
			return kiosk.Ignored, nil
		}
		id, f.Kind, f.Entry, f.Happened = e.ID, Added, &msg.Entry, msg.HappenedAt
		q.checkLetter(m.Origin.Kiosk, e.Metadata.Ticket)
	case *kiosk.StatusUpdated:
		id, f.Kind, f.Status, f.Happened, by = msg.QueueEntryID, Status, msg.NewStatus, msg.HappenedAt, msg.UpdatedBy
		ok = f.Status.Valid()
	case *kiosk.Called:
		id, f.Kind, f.Room, f.Happened, by = msg.QueueEntryID, Called, msg.Room, msg.HappenedAt, msg.CalledBy
		ok = len(f.Room) <= maxRoom
	case *kiosk.PatientRemoved:
		id, f.Kind, f.Reason, f.Happened = msg.QueueEntryID, Removed, msg.Reason, msg.HappenedAt
		ok = f.Reason.Valid()
	case *kiosk.PriorityChanged:
		id, f.Kind, f.Priority, by = msg.QueueEntryID, Priority, msg.NewPriority, msg.UpdatedBy
		ok = f.Priority.Valid()
	case *kiosk.Transferred:
		id, f.Kind, f.To, by = msg.QueueEntryID, Transferred, msg.ToDepartmentID, msg.UpdatedBy
		ok = f.To.Validate() == nil
	case *kiosk.Matched:
		id, f.Kind, f.Match, by = msg.QueueEntryID, Matched, &msg.MatchShape, msg.UpdatedBy
		ok = f.Match.Valid()
	case *kiosk.Corrected:
		id, f.Kind, f.Undoes, by = msg.QueueEntryID, Corrected, msg.Undoes, msg.UpdatedBy
	case *kiosk.ProviderStatus:
		f.By = author(m, msg.UpdatedBy)
		return q.applyAvailability(s, f, *msg)
	default:
		return kiosk.Ignored, nil
	}
	if !ok || id.IsZero() {
		return kiosk.Ignored, nil
	}
	f.By = author(m, by)
	if f.unsigned() {
		f.Happened = kiosk.Timestamp{} // an app speaks of now
	}
	return q.take(s, id, f)
}

const maxRoom = 40

// author is who a message says did it: the publisher where that is all there is
// to believe.
func author(m kiosk.Received, named string) string {
	if m.Publisher != "" {
		return string(m.Publisher)
	}
	if a, err := kiosk.ParseActor(named); err == nil {
		return a.String()
	}
	return kiosk.Actor{Kind: kiosk.ActorKiosk, ID: m.Origin.Kiosk}.String()
}

// take puts a fact into an entry's row.
func (q *Queue) take(s *staged, id kiosk.EntryID, f Fact) (kiosk.Result, error) {
	r, err := s.row(entryView, id.String())
	if err != nil {
		return kiosk.Ignored, err
	}
	clocks := q.corrections(s)
	if old := r.find(f.ID); old != nil {
		if old.learn(f.Timetoken) {
			return kiosk.Known, s.put(entryView, r)
		}
		return kiosk.Known, nil
	}
	if len(r.Facts) >= maxFacts || r.Rev == 0 && q.full() {
		q.mu.Lock()
		q.ignored++
		q.mu.Unlock()
		return kiosk.Ignored, nil
	}
	before := Fold(r.Facts, clocks)
	r.Facts = append(r.Facts, f)
	if err := s.put(entryView, r); err != nil {
		return kiosk.Ignored, err
	}
	after := Fold(r.Facts, clocks)
	result := kiosk.Applied
	for _, c := range after.Conflicts {
		known := func(o Conflict) bool { return o.Fact == c.Fact }
		if slices.ContainsFunc(before.Conflicts, known) {
			continue
		}
		if c.Fact == f.ID {
			result = kiosk.Conflicted
		}
		// The audit says what this kiosk found, so its id is this kiosk's own.
		act := kiosk.Act{ID: kiosk.DeriveID(c.Fact, "conflict", string(q.cfg.Kiosk)), Actor: kiosk.Actor{Kind: kiosk.ActorSystem, ID: "queue"}}
		err := q.journal.Audit(s.tx, act, kiosk.QueueConflict, kiosk.AuditFacts{
			Action: c.Want + " from " + string(c.From), Outcome: kiosk.OutcomeRefused, Resource: id.String()})
		if err != nil {
			return result, err
		}
	}
	return result, nil
}

// hear notes that a kiosk is alive: its timers are its own while it is.
func (q *Queue) hear(o storage.Origin) {
	if o.Kiosk == "" || o.Kiosk[0] == '@' || o.Kiosk == string(q.cfg.Kiosk) {
		return
	}
	at := o.HLC.Time()
	if now := q.cfg.Now().Wall; !o.Synced || at.After(now) {
		at = now
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if _, known := q.heard[o.Kiosk]; (known || len(q.heard) < maxKiosks) && q.heard[o.Kiosk].Before(at) {
		q.heard[o.Kiosk] = at
	}
}

// checkLetter says so, once, when another kiosk gives tickets with this kiosk's
// letter: two patients would hold one number.
func (q *Queue) checkLetter(source, ticket string) {
	t, err := ParseTicket(ticket)
	if err != nil || t.Letter != q.cfg.Letter || source == string(q.cfg.Kiosk) {
		return
	}
	q.mu.Lock()
	told := q.clash != ""
	q.clash = kiosk.KioskID(source)
	q.mu.Unlock()
	if !told {
		q.log.Error("another kiosk gives tickets with this kiosk's letter", "other", source, "letter", string(q.cfg.Letter),
			"hint", "give each kiosk of the site its own kiosk.letter")
	}
}

// LetterClash gives another kiosk that was seen to use this kiosk's ticket
// letter, empty when there is none.
func (q *Queue) LetterClash() kiosk.KioskID {
	q.mu.RLock()
	defer q.mu.RUnlock()
	return q.clash
}

// Heard notes a sign of life of another kiosk, such as its heartbeat.
func (q *Queue) Heard(o storage.Origin) { q.hear(o) }

const maxKiosks = 256

// Learned tells the queue at which timetoken our own events up to a position of
// a channel were published. Only events made before the time was known need it;
// without any it does nothing.
func (q *Queue) Learned(ctx context.Context, channel string, to storage.Cursor, timetoken uint64) error {
	c, ok := kiosk.ParseChannel(channel)
	if !ok || c.Family != kiosk.QueueFamily || timetoken == 0 {
		return nil
	}
	due := func(f *Fact) bool {
		return !f.Synced && f.Timetoken == 0 && f.Source == string(q.cfg.Kiosk) && f.Queue == c.Department &&
			!to.Less(storage.Cursor{Inc: f.Inc, Seq: f.Seq})
	}
	type place struct{ view, key string }
	var places []place
	note := func(view string, r *row) {
		if slices.ContainsFunc(r.Facts, func(f Fact) bool { return due(&f) }) {
			places = append(places, place{view, r.Key})
		}
	}
	q.mu.RLock()
	for _, h := range q.entries {
		note(entryView, h.row)
	}
	for _, s := range q.provided {
		note(providerView, s.row)
	}
	q.mu.RUnlock()
	if len(places) == 0 {
		return nil
	}
	return q.Update(ctx, func(tx *storage.Tx) error {
		s, err := q.staged(tx)
		if err != nil {
			return err
		}
		for _, at := range places {
			r, err := s.row(at.view, at.key)
			if err != nil {
				return err
			}
			for i := range r.Facts {
				if due(&r.Facts[i]) {
					r.Facts[i].Timetoken = timetoken
				}
			}
			if err := s.put(at.view, r); err != nil {
				return err
			}
		}
		return nil
	})
}
