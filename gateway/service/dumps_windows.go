package service

import "golang.org/x/sys/windows"

// NoDumps keeps a crash of this process, or of one that it starts, from Windows Error
// Reporting, which asks and dumps.
func NoDumps() error {
	windows.SetErrorMode(windows.SEM_FAILCRITICALERRORS | windows.SEM_NOGPFAULTERRORBOX | windows.SEM_NOOPENFILEERRORBOX)
	return nil
}
