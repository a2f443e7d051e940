// Package vitals turns what a measuring device says into a vital sign, or says
// why it cannot be one.
//
// It promises: one table holds every vital sign with its LOINC code, its UCUM
// unit and the range in which a value can be a living person's (table.go);
// conversion is exact, in whole numbers and fractions, never in floating point
// (unit.go), and rounds once, at the end, so finely that the device's own number
// can be got back (Sign.places); text in, text out: a value keeps the places
// with which it was measured.
//
// It refuses: a unit that it does not know, rather than to guess one; a value
// out of range, with a reason and without a judgement ("please measure again"),
// for whether a value is good or bad for somebody is said by a person who may
// say it; half a blood pressure; an event that is not exactly of its form. It
// does not know patients, and it keeps nothing: a value lives in a phi.Text until
// whoever asked has taken it.
//
//	event of clinic/{site}/{kiosk}/vitals/{device}/event ─▶ ParseEvent ─┐
//	any other publisher, by the bridge's table ─────────────────────────┤
//	                                                                    ▼
//	                                   Reading ─▶ Measure ─▶ Measurement, or a Reason
//
// The form of an event (JSON, at most MaxEvent bytes, no other members):
//
//	{"v":1, "id":"<uuid>", "seq":12, "ts":"2026-11-22T10:31:07Z", "session":"…",
//	 "kind":"weight", "value":"81.4", "unit":"kg"}
//	{…, "kind":"blood-pressure", "values":{"systolic":"122","diastolic":"78"}, "unit":"mm[Hg]"}
//
// id is the same when the event is sent again. seq (a count that the device
// keeps) may be left out; session is what the kiosk said when it asked for the
// measurement, and is left out where it did not. A value is a decimal, as text
// or as a JSON number, without an exponent.
//
// When somebody is to be measured, each device that has spoken (its state topic, or an
// event) is told on its command topic, with the session to say in the events, and told
// again when that is over; a device subscribes before it says that it is there:
//
//	{"v":1, "id":"<uuid>", "verb":"measure", "session":"…", "kinds":["weight"], "expires":"2026-11-22T10:41:00Z"}
//	{"v":1, "id":"<uuid>", "verb":"stop", "session":"…"}
//
// After a crash there is nothing to recover: everything here is a function of its
// arguments.
//
// BUG: the ranges are for adults and children who came on their own feet; a
// premature infant's weight is refused.
package vitals
