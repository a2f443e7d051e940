// Package session keeps the check-in page on the kiosk's screen: it runs in the kiosk
// account's own session, beside the service and with none of its rights.
//
// It promises:
//
//   - The page is there or comes back by itself, whatever went away: the browser, its
//     page, the compositor, the service, the page's pass. What counts as there is
//     what the service sees (its page/seen): a page that hangs or is white is none.
//   - Until then the screen asks for a moment in five languages, from no server; after
//     20 seconds without the service it sends people to the desk.
//   - The launch token goes through a pipe that only this process has: it is neither
//     on a command line nor in a file. A token that was refused is replaced.
//   - The board never covers the page: it waits while its display is off (Linux, with a
//     compositor of our own).
//   - The browser can open nothing but the page (policy.go), has one window, and a
//     profile in memory that is gone with it; no process of it leaves a dump.
//
// It refuses a profile on a disk (Linux), a second session of the same account, and
// DevTools of pages: the browser's pipe is used for windows only, so that policy can
// turn developer tools off.
//
//	unit, PAM ──▶ kiosk-session ──▶ weston ──▶ page: Chromium ──HTTP──▶ the service
//	                │      │          └──────▶ board: Chromium (second output)
//	                │      └─ pipe: open, close, crashed ─▶ browser
//	                └─ control: page/launch, page/seen ────▶ the service
//
//	waiting ──service answers──▶ launched ──sign of life──▶ lives
//	   ▲                            ▲  │ refused, silent        │ crashed, taken, silent
//	   │  browser ended, 4 tries    │  └────── new token ◀──────┘
//	   └────────────────────────────┘
//
// A browser that brings no page to life in 10 s a try is ended; the next ones are given
// 20, 40 and 80 s, since a machine may be that slow.
//
// After a crash of this process its browsers and compositor end with it; the unit
// starts it again, and it wipes what the one before left in memory.
//
// BUG: The page that asks for a moment uses the machine's fonts; Chinese needs one
// (apt-get install fonts-noto-cjk).
//
// BUG: Windows has no file system in memory for the profile; it is wiped at each start
// and end. What is Windows here was built and looked at, and never run.
//
// BUG: Weston shows page and board on their outputs by their windows' classes. That was
// seen with two outputs in windows of another Weston; no machine with two displays was
// at hand.
package session
