// Package config is the one place where the gateway's settings are named,
// given defaults, read, checked and explained.
//
// It promises that a Config returned without an error is complete and
// consistent: ids are well formed and unique, references between tables
// resolve, addresses parse, durations and sizes are typed, relative paths are
// resolved against the folder of the config file. A key that it does not know
// is an error that names the line and the nearest key it does know, so that a
// typing mistake can never silently mean "default". All problems are reported
// at once.
//
// It refuses to hold secrets: the passphrase, the token, proxy credentials and
// the clinic's keys are referred to by file or live in the keyring. It reads no
// environment variable and no command line argument. It does not merge several
// files: what one file and [Default] say is what runs.
//
//	config.toml ──strict decode──▶ Config over Default() ──Validate──▶ Config
//	     │                                                    │
//	     └── line of every key ──────────▶ Problem{line, key, value, allowed, hint}
//
//	keys.toml (embedded) ──▶ `config init` (Sample)
//	                     ──▶ `config check` (Explain): what each line means
//
// keys.toml holds the explanation of each key once; a test keeps it complete.
// Each section of the file has a Go file of the same name here.
//
// The package writes nothing, so a crash changes nothing.
package config
