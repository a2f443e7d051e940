// Command clinicgate is the gateway of a waiting-room kiosk and the tool that
// installs, feeds and questions it.
//
// main.go runs; cli.go has the root command, the exit codes and how errors are
// shown; terminal.go has how results are shown; each other file is a subcommand
// of its name. No file holds logic: subcommands ask the running service over
// gateway/control, or, where it says so, do their work on files while no service
// runs.
//
// Exit codes:
//
//	0  it worked
//	1  it was tried and failed
//	2  the command line or the config file is wrong
//	3  no service answers, or it went away
//	4  this account may not do that
//	5  a check found something wrong
//
// and of the service's own process (run --service), where 2 is a crash of the
// program too:
//
//	10  a part of the service ended while it ran
//	11  the service hung
package main
