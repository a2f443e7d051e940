// Package web serves the patient's check-in page to the kiosk's own browser and
// the waiting room's board to displays.
//
// It promises that
//   - the page says "you are checked in" only after Finish returned, so only
//     after the commit; a lost answer is asked for again under the same request
//     id and changes nothing twice;
//   - the patient page is reachable from this machine only, under three exact
//     Host values, by the one browser that was launched with a token; nothing
//     changes without a same-origin, same-page POST (the exchange of a launch
//     token is the single GET that changes something);
//   - nothing about a person is in an address, a cookie, browser storage or a
//     log line; what is on the screen is gone when the session ends, when nobody
//     answers the question for more time, and within three seconds of the
//     gateway's own end;
//   - a second person's code shows nothing of either until somebody has said whether
//     they are together; unanswered, both are wiped. A party is at most eight people,
//     each with a check-in of their own;
//   - a signature, typed or drawn, is in the browser until its screen goes and here
//     until it is committed; no picture of a state has it, so nothing shows it again.
//     Whoever cannot draw types, with the keys on the screen, a keyboard or a switch;
//   - what a device measured is shown to the patient whose step is on the screen, and
//     to nobody after it; it is a number with its unit, never a judgement;
//   - every refusal, failure and time-out shows a sentence that ends at a person;
//   - the board cannot show a name: its ticket type has no room for one, and
//     rooms and providers are shown only as the config has them;
//   - nothing about a person is said on a loudspeaker: what is read aloud are
//     recorded texts of the product and the clinic, found by the text on the
//     screen, and what is marked as a person's own is left out.
//
// What a patient asks the page to look like (display.go) and what help she asks
// for (needs.go) are the session's: they are on every screen until it ends, and
// nobody inherits them. The needs travel with the entry that identifying commits.
//
// A scan is a code, a driving licence or of no use (Read); whoever composes the
// kiosk says which, since formats are the devices' (Deps.Understand). Of a licence
// the page has birth date and name until they are compared, and never shows them.
//
// It refuses to know the clinic's rules (CheckIn does), to decide anything in
// the browser (the page draws a picture that the server made), to turn a string
// into markup or script (Trusted Types 'none'), and to keep a session across a
// restart: half a check-in that nobody can vouch for is worse than a fresh one.
// Pages rendered per step by the server were rejected: a gateway killed between
// two of them would leave the browser's own error page in the lobby.
//
//	kiosk-session --NewLaunch--> /launch?t= --303, cookie--> /
//	                                                         |
//	scanner --Scan--> session (state.go: state, event, next) | act: POST, request id
//	                     |   ^                               |
//	            CheckIn  |   +-------------------------------+
//	                     +--> picture --SSE--> page;  beat each second
//	queue --Watch--> boardPicture --SSE--> board
//
// After a crash the page notices the silence, wipes itself, sends people to the
// desk, and shows the start screen as soon as the gateway answers: the browser's
// pass is known by its hash (PassStore), the session is not. An arrival that
// Identify had committed is "unfinished" at the desk; a second scan finds it.
package web
