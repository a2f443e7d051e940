package kiosk

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// ActorKind is what kind of somebody did something.
type ActorKind string

const (
	ActorPatient   ActorKind = "patient-session"
	ActorStaff     ActorKind = "staff"
	ActorProvider  ActorKind = "provider"
	ActorDevice    ActorKind = "device"
	ActorKiosk     ActorKind = "kiosk"
	ActorAuthority ActorKind = "authority"
	ActorSystem    ActorKind = "system" // a rule, such as the no-show timer
)

var actorKinds = []ActorKind{ActorPatient, ActorStaff, ActorProvider, ActorDevice, ActorKiosk, ActorAuthority, ActorSystem}

// Actor is who did something. A patient's actor is the page session, never the
// patient.
type Actor struct {
	Kind ActorKind
	ID   string
}

// String gives the form that travels in updatedBy, calledBy and escalatedBy: a
// provider's bare id, as the vocabulary's apps expect it, and "kind:id" for
// everyone else.
func (a Actor) String() string {
	if a.Kind == ActorProvider {
		return a.ID
	}
	return string(a.Kind) + ":" + a.ID
}

// IsZero reports whether nobody is named.
func (a Actor) IsZero() bool { return a == Actor{} }

// ParseActor reads the form that String gives.
func ParseActor(s string) (Actor, error) {
	kind, id, ok := strings.Cut(s, ":")
	if !ok {
		kind, id = string(ActorProvider), s
	}
	a := Actor{ActorKind(kind), id}
	if !slices.Contains(actorKinds, a.Kind) || len(id) > maxIDLen || validID(id) != nil {
		return Actor{}, errors.New("actor is not of the form kind:id")
	}
	return a, nil
}

// Act is one thing that somebody does, with an id from which the ids of all its
// events derive: doing the same act again writes nothing a second time.
type Act struct {
	ID       uuid.UUID
	Actor    Actor
	Session  string    // page or desk session, for the audit; not a secret
	Happened time.Time // when it was done, where it is recorded later from paper notes; zero: it is done now
}

// Late reports whether the act is recorded later than it was done.
func (a Act) Late() bool { return !a.Happened.IsZero() }

// NewAct starts an act with a fresh id (UUIDv7).
func NewAct(actor Actor) Act { return Act{ID: newID(), Actor: actor} }

func newID() uuid.UUID {
	return uuid.Must(uuid.NewV7()) // fails only when the system has no randomness
}

// EventID gives the id of the act's event of one kind about one subject.
func (a Act) EventID(kind, subject string) uuid.UUID { return DeriveID(a.ID, kind, subject) }
