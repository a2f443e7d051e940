//go:build !windows

package config

const (
	defaultDataDir        = "/var/lib/clinicgate"
	defaultPassphraseFile = "/etc/clinicgate/passphrase"
	defaultControlPath    = "/run/clinicgate/control.sock"

	// DefaultPath is where the config file is when nobody says otherwise.
	DefaultPath = "/etc/clinicgate/config.toml"
)

func pipePathFits(string) bool { return true }
