//go:build !linux && !windows

package logging

// ToJournald is false: only Linux has journald.
func ToJournald() bool { return false }

// systemLog: the systems of this product are Linux and Windows; others have only
// standard error and the file.
func systemLog() sink { return nil }
