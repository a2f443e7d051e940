package scanner

import "os"

// KeyboardPort reads input events from a file.
func KeyboardPort(f *os.File) Port { return newKeyboard(f) }

// POSPort reads reports from a file, one at a time.
func POSPort(f *os.File, descriptor []byte) Port {
	layout, _ := parseDescriptor(descriptor)
	return newPOS(&node{File: f}, layout)
}
