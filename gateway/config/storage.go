package config

import "strconv"

// Storage says where the encrypted store is and how large it may become.
type Storage struct {
	Dir    string `toml:"dir"`
	Budget Size   `toml:"budget"`
}

// minBudget leaves room for the smallest store and its compaction copy.
const minBudget = 8 << 20

// defaultBudget is smaller where the address space is: the file is mapped.
func defaultBudget() Size {
	if strconv.IntSize == 32 {
		return Size{256 << 20}
	}
	return Size{1 << 30}
}

func (s Storage) validate(_ *Config, r *report) {
	if s.Dir == "" {
		r.missing("storage.dir", "a folder that only the service may read")
	}
	if s.Budget.Bytes < minBudget {
		r.bad("storage.budget", s.Budget.String(), "at least 8MiB", "")
	}
	if strconv.IntSize == 32 && s.Budget.Bytes > 1<<30 {
		r.bad("storage.budget", s.Budget.String(), "at most 1GiB on a 32-bit machine", "")
	}
}
