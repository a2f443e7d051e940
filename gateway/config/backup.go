package config

// Backup says where the nightly copies of the store go.
type Backup struct {
	Dir  string    `toml:"dir"`
	At   ClockTime `toml:"at"`
	Keep int       `toml:"keep"`
}

func (b Backup) validate(_ *Config, r *report) {
	if b.Keep < 1 || b.Keep > 400 {
		r.bad("backup.keep", itoa(b.Keep), "1 to 400", "how many nights are kept; the newest never goes")
	}
}
