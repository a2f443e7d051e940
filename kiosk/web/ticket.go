package web

import (
	"context"

	"github.com/google/uuid"
)

// Tickets is the printer's side of a check-in.
type Tickets interface {
	// Ticket tells what has become of the ticket of an entry. It must not block.
	Ticket(entry uuid.UUID) TicketState
	// Reprint asks for it once more; what becomes of it Ticket tells.
	Reprint(ctx context.Context, session string, entry uuid.UUID, language string, request uuid.UUID)
}

// TicketState is how far the ticket on paper is.
type TicketState string

const (
	TicketNone     TicketState = ""         // there is no printer, or it does not work
	TicketOffered  TicketState = "offered"  // it may be printed again
	TicketPrinting TicketState = "printing" // nothing is promised yet
	TicketPrinted  TicketState = "printed"  // the printer has said so
)

// TicketChanged is called after Ticket has another answer.
func (s *Server) TicketChanged() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live.state == Finished || s.live.state == Known {
		s.changed()
	}
}

// ticketOf is what the page shows of the ticket of who is on the screen. Server.mu
// is held.
func (s *Server) ticketOf(x *session) TicketState {
	if s.deps.Tickets == nil || x.found.Entry == uuid.Nil {
		return TicketNone
	}
	switch x.state {
	case Finished:
	case Known:
		if x.found.Standing != StandingWaiting && x.found.Standing != StandingCalled {
			return TicketNone
		}
	default:
		return TicketNone
	}
	return s.deps.Tickets.Ticket(x.found.Entry)
}

// ticketsOf is TicketPrinted when every number of a party is on paper: a family that is
// told to take its tickets finds each of them. Server.mu is held.
func (s *Server) ticketsOf(members []visitor) (all TicketState) {
	for _, m := range members {
		if m.done.Ticket == "" {
			continue // goes to the desk
		}
		if s.deps.Tickets == nil || s.deps.Tickets.Ticket(m.found.Entry) != TicketPrinted {
			return TicketNone
		}
		all = TicketPrinted
	}
	return all
}

// reprint asks for the ticket of who scanned again. Server.mu is held.
func (s *Server) reprint(x *session, request uuid.UUID) (work, bool) {
	if x.state != Known || s.ticketOf(x) != TicketOffered {
		return nil, false
	}
	id, entry, language := x.id, x.found.Entry, x.language
	return func(ctx context.Context) { s.deps.Tickets.Reprint(ctx, id, entry, language, request) }, true
}
