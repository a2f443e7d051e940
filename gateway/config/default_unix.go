//go:build !windows

package config

const (
	defaultDataDir        = "/var/lib/clinicgate"
	defaultPassphraseFile = "/etc/clinicgate/passphrase"
	defaultUpgradeDir     = "/var/lib/clinicgate-upgrade"
	defaultControlPath    = "/run/clinicgate/control.sock"

	// DefaultPath is where the config file is when nobody says otherwise.
	DefaultPath = "/etc/clinicgate/config.toml"
)

func pipePathFits(string) bool { return true }

// defaultKioskSession is the group that the packages make for the account whose
// browser shows the page.
func defaultKioskSession() []Principal { return []Principal{{Group: true, Name: "clinicgate-kiosk"}} }
