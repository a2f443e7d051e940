package config

// Metrics is where numbers about the service are read.
type Metrics struct {
	Listen string `toml:"listen"`
}

func (m Metrics) validate(_ *Config, r *report) {
	if m.Listen != "" {
		r.loopback("metrics.listen", m.Listen, "an agent on this machine collects them; they have no password")
	}
}
