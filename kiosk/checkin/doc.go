// Package checkin is the patient's act at the kiosk: identify, consent, done.
//
// It promises that
//   - identifying commits the visit as checked-in, so that who walks away half-way
//     is on the desk's list and not lost;
//   - the last button is one commit: consents, status, the provider's notices and
//     the audit. Pressed twice, or again after a crash, it gives the same number;
//   - declining turns nobody away: an in-person visit goes on with a flag for
//     staff, a video visit without telehealth consent waits and staff are called;
//   - a minor alone signs nothing: the check-in goes on, flagged for the desk;
//   - a wrong and an unknown code get the same answer for the same work, and so do
//     a wrong birth date, a wrong name and a stranger; guessing is limited per
//     session and per kiosk, codes and names together;
//   - who is not on a list that may lack them gets a number, marked for the desk,
//     and is matched with the appointment by the list that comes later or by staff;
//     an appointment that somebody has arrived for gets no second entry silently;
//   - the holder of a driving licence is identified as who types birth date and name
//     is, and what the licence says is kept nowhere;
//   - what a walk-in or a provisional arrival said of themselves goes to the
//     roster's channel, sealed, and nowhere else;
//   - a vital sign is kept with the patient whose visit the session holds, and with
//     nobody else: no session, or one that is done, and nothing is kept;
//   - every outcome ends at a person or at a number, each with its audit event;
//   - help is shown and sounded here first, whatever the disk or the network do,
//     and stays on until a person acknowledges it.
//
// It refuses to list names, to act on an entry that the asking session has not
// identified, and to say "done" before the commit.
//
//	Identify(code) --> roster.Find --> queue.Add (checked-in) --> forms in the patient's language
//	IdentifyPerson(birth date, name) --> roster.FindByPerson --> the same, or one more question
//	RefuseScan(kind) --> audit
//	Provisional(birth date, name) --> queue.Add (provisional) + roster.Remember --> Reconcile or Match --> the appointment's entry
//	Admit, WalkIn (staff) --> queue.Add, waiting
//	Finish(decisions) --> one transaction { consent.Record, SetStatus(waiting), PATIENT_CHECKED_IN, PATIENT_READY, audit }
//	Help --> memory and watchers --> EMERGENCY_ESCALATION, tried until it is durable
//
// After a crash entries that were identified and not finished are there,
// unfinished; no session holds them. Help that was durable is on again; help
// that was not yet durable when the power went is lost, and the person is still
// standing there.
package checkin
