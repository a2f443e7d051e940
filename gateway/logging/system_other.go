//go:build !linux && !windows

package logging

func marksWanted() bool { return false }

// systemLog: the systems of this product are Linux and Windows; others have only
// standard error and the file.
func systemLog() sink { return nil }
