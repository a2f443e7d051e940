// Package logging is the service's log: where its lines go, how much of them, and
// the lines that were not worth the flash.
//
// It promises that a log that cannot be written, or takes its time, stops and
// delays nothing: lines are handed to a writer of their own and, when it does not
// keep up, counted and dropped. It promises that what is on disk is bounded in
// size and number of files, and that a line that comes again and again is written
// a few times and then counted.
//
// It refuses to print what it does not know: of a value that is neither text, a
// number, a time, an error nor says itself how it is written, only the type is
// logged. So bytes, which may be keys, and structs, which may hold people, never
// get in; phi.Text prints "[phi]"; and what has the form of a token, a secret key
// or a password in an address is cut out of every line.
//
//	slog.Logger ─▶ handler ─▶ repeats ─▶ ring (all, in memory) ─▶ `log tail`, bundle
//	                                      │ at least as urgent as the component's level;
//	                                      │ an error takes the debug lines before it along
//	                                      ▼
//	                               writer ─▶ journald | Event Log | stderr
//	                                     └─▶ log.file, .1, .2 ...
//
// The system's log is journald where systemd connected standard error to it, the
// Event Log where this is a Windows service, else standard error. Where there is a
// log.file, the system's log gets warnings and errors only, so that flash is worn
// once, and standard error gets nothing but what the file does not take.
//
// After a crash the lines of the last moment may be missing: what must not be
// lost is in the store. A change of level ends with its time or the process.
//
// BUG: a line of more than 8 KiB is cut.
package logging
