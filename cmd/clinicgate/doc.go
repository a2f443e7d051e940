// Command clinicgate is the gateway of a waiting-room kiosk and the tool that
// installs, feeds and questions it.
//
// main.go runs; cli.go has the root command, the exit codes and how errors are
// shown; terminal.go has how results are shown; each other file is a subcommand
// of its name. No file holds logic: subcommands ask the running service over
// gateway/control, or, where it says so, do their work on files while no service
// runs.
//
// What the exit codes mean is told by exitCodes.
package main
