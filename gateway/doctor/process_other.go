//go:build !linux

package doctor

// HoldersOf is not told here.
func HoldersOf(string) []Process { return nil }

// ListenersOn is not told here.
func ListenersOn(string) []Process { return nil }

// Others is not told here.
func Others(_, _ string) []Service { return nil }
