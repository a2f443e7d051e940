package config

const (
	defaultDataDir        = `C:\ProgramData\clinicgate\data`
	defaultPassphraseFile = `C:\ProgramData\clinicgate\passphrase`
	defaultControlPath    = `\\.\pipe\clinicgate`

	// DefaultPath is where the config file is when nobody says otherwise.
	DefaultPath = `C:\ProgramData\clinicgate\config.toml`
)

func pipePathFits(path string) bool { return isPipe(path) }
