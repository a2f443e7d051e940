// Package udev has the rules that give device nodes to the groups of which
// clinicgate's service becomes a member where it needs them.
package udev

import _ "embed"

// Rules are those of 60-clinicgate.rules.
//
//go:embed 60-clinicgate.rules
var Rules string
