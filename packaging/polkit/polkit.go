// Package polkit has the rule that lets clinicgate's service use card readers.
package polkit

import _ "embed"

// Rules are those of 60-clinicgate.rules.
//
//go:embed 60-clinicgate.rules
var Rules string
