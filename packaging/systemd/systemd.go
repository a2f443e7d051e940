// Package systemd has the files that make clinicgate a service of systemd: one
// text each, which the packages ship and `clinicgate service install` writes where
// clinicgate came as an archive.
package systemd

import _ "embed"

// Unit is clinicgate.service. ExecStart names Binary.
//
//go:embed clinicgate.service
var Unit string

// KeeperUnit is clinicgate-upgrade.service, which is there while an upgrade goes on.
// ExecStart names Binary.
//
//go:embed clinicgate-upgrade.service
var KeeperUnit string

// Sysusers are the accounts, in the form of sysusers.d(5).
//
//go:embed clinicgate.sysusers
var Sysusers string

// Binary is where a package puts the program.
const Binary = "/usr/bin/clinicgate"

// KioskUnit is clinicgate-kiosk.service, which shows the page. ExecStart names Binary.
//
//go:embed clinicgate-kiosk.service
var KioskUnit string

// KioskSysusers is the account of KioskUnit.
//
//go:embed clinicgate-kiosk.sysusers
var KioskSysusers string

// KioskPAM is that account's session, in the form of pam.d(5).
//
//go:embed clinicgate-kiosk.pam
var KioskPAM string
