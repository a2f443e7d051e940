// Package bench measures what this product promises about speed, bytes, memory
// and size, and prints one table. It is a test: `make bench` runs it.
//
// It promises that every number which depends on the machine is a ratio within
// one run: what is compared takes turns (A B A B), and the table shows the median
// of the turns with its range. The reference of the store is the disk itself:
// sealed records, one goroutine that takes all that wait, one write of whole
// blocks past the page cache into a ring that was written before, one fdatasync.
//
// It refuses to fail on a slow machine: a target that is missed stands in the
// table as missed, and only a measurement that could not be made is a failure.
// The part append needs root (for a block device of its own, whose counters are
// exact) and strace (for a disk whose flushes take 3 ms), the part paint Chromium;
// without them they fail.
//
//	TestBench ──starts──▶ itself as another process: append, backlog, drain
//	          ──starts──▶ bin/clinicgate, with PubNub's double: start, tap, backup, swarm, stop
//	          ◀─────────── numbers ──▶ table
//
// A part runs in a process of its own where its memory is measured, where strace
// slows its disk, or where it must be killed. Environment:
//
//	BENCH           parts to run, such as "append,drain"; empty: all
//	BENCH_DIR       where the data lies: the disk to measure; empty: the system's
//	                temporary folder
//	BENCH_BACKLOG   events of the backlog
//	BENCH_BACKUP    events of the store that is backed up
//	BENCH_PROFILE   folder for CPU profiles of the parts with a process of their own
//	BENCH_SWARM     seconds that the swarm of devices reports
//	BENCH_CHECKINS  check-ins of the page, half of them beside busy devices
package bench
