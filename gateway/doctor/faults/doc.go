// Package faults holds no code: its tests break a healthy kiosk, one fault at a time.
//
// Each row of the table starts a whole gateway that IT has set up as it should be: a
// passphrase that comes over a descriptor, a recovery key, the clinic's keys, a backup
// on another file system, Access Manager with a bound token, PubNub's double behind TLS
// and a name that a name server of the test knows, today's appointments, a scanner, a
// printer, a browser on the page. On that one no check may fail or warn. Then one thing
// is broken, and doctor must name it first, and call everything else that it finds a
// consequence of it.
//
// `go test -v -run TestFaults ./gateway/doctor/faults` prints the table: the fault, the check
// that named it, how many consequences it folded, and what it said.
//
// The faults are real as far as this process may make them: sockets, files, names,
// certificates and devices. What needs root (a full disk, a read-only one) has the
// build tag e2e. Data lies below /var/tmp and backups below /dev/shm, since doctor looks
// what kind of file system each is on, and whether it is the same.
package faults
