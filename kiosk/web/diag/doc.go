// Package diag is the technician's page on the kiosk itself: what is wrong, what the
// service logs, whether the devices work, and how the last hour went.
//
// It promises that
//   - nobody opens it by accident and no patient by intent: a gesture shows a pad for
//     digits, and a code of eight of them, which `clinicgate diag open` prints for an
//     account with the technician's role, opens the page. The code lives ten minutes,
//     works once, and is void after five wrong ones. Nothing of this needs a network;
//   - patients come first: the pad and the page can be had only while nobody checks in
//     and nobody has called for help. A button, three minutes without a touch, a code
//     under a scanner that is not being tested, a call for help or another browser end
//     the page, and the browser is back at the check-in;
//   - nothing about a person is on it: of the kiosk it has words, numbers and states
//     (Kiosk), none of which has room for a name, and the lines of the log, which
//     refuses to hold one;
//   - everything but the pad, its script and its style is answered to the technician's
//     session alone: to the browser that the kiosk launched, with a cookie of its own
//     that is sent below /diag only;
//   - opening, a wrong code and the end are in the audit log, with the account that
//     asked for the code. Where the store takes no audit event the page opens all the
//     same: it is for the day on which the store is what is wrong.
//
// It refuses to act on anything but a device under test and how much is logged, and to
// keep a session, a code or a sample across a restart. A pass in the address was
// rejected: addresses are seen, and a scanner could type one.
//
//	gesture --GET /diag--> pad --POST /diag/code--> cookie --GET /diag--> page
//	`clinicgate diag open` --> code ----^                                  |
//	                                       Kiosk <-- /diag/act, /check ----+
//	  Run: a sample each 15 s, the end of what is idle  --- /diag/events --^
//	  Leave: a scan, a call for help, a launch  ---------- "locked" -------^
//
// After a crash nothing of it is left, and the browser that finds no session goes back
// to the check-in.
//
// BUG: what the checks found, why a device fails and the log are in English.
package diag
