package config

const (
	defaultDataDir        = `C:\ProgramData\clinicgate\data`
	defaultPassphraseFile = `C:\ProgramData\clinicgate\passphrase`
	defaultUpgradeDir     = `C:\ProgramData\clinicgate\upgrade`
	defaultControlPath    = `\\.\pipe\clinicgate`

	// DefaultPath is where the config file is when nobody says otherwise.
	DefaultPath = `C:\ProgramData\clinicgate\config.toml`
)

func pipePathFits(path string) bool { return isPipe(path) }

// defaultKioskSession is nobody: the clinic chooses the kiosk's account.
func defaultKioskSession() []Principal { return []Principal{} }
