package doctor

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"clinicgate/storage/keyring"
)

// Past is one earlier run, as far as it is kept: no detail, so nothing but ids.
type Past struct {
	At    time.Time        `json:"at"`
	Build string           `json:"build"`
	Bad   map[string]State `json:"bad,omitempty"` // by check
}

const (
	keptRuns = 20
	// keptApart is how long a run that found what the one before did is not kept
	// again: the file lies on flash.
	keptApart = 6 * time.Hour
	maxMemory = 256 << 10
	// MemoryFile is the file's name in the data folder.
	MemoryFile = "doctor.json"
)

// memory is what outlives the process.
type memory struct {
	dir     keyring.FS
	trusted func(time.Time) time.Time
	build   string

	Version int                  `json:"version"`
	Since   map[string]time.Time `json:"since"`
	Runs    []Past               `json:"runs"` // oldest first

	Boot    string      `json:"boot,omitempty"`    // of the machine, while the service runs; empty after a proper stop
	Repairs []string    `json:"repairs,omitempty"` // made from outside while no service ran, that no audit log knows yet
	Died    []time.Time `json:"died,omitempty"`    // starts before which the service had ended without a word, in the same boot
	Cuts    []time.Time `json:"cuts,omitempty"`    // starts before which the machine had stopped without a word

	Kills  uint64      `json:"kills,omitempty"`  // for lack of memory, that the system had counted at the last start
	Killed []time.Time `json:"killed,omitempty"` // starts of Died between which and the start before the system had killed
}

// Keep makes the registry remember over restarts since when each check fails, and
// its last 20 runs, in a file of dir. trusted gives the true time of a moment of
// this process. A file that cannot be read is begun anew: the error says so, and
// nothing else is lost by it.
func (r *Registry) Keep(dir keyring.FS, build string, trusted func(time.Time) time.Time) error {
	m := &memory{dir: dir, trusted: trusted, build: build}
	data, err := dir.ReadFile(MemoryFile, maxMemory)
	if err == nil {
		if err = json.Unmarshal(data, m); err != nil || m.Version != 1 {
			*m, err = memory{dir: dir, trusted: trusted, build: build}, fmt.Errorf("cannot read earlier results: %s is malformed", MemoryFile)
		}
	}
	m.Version = 1
	if m.Since == nil {
		m.Since = map[string]time.Time{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.memory = m
	return err
}

// Past lists the runs that are kept, oldest first.
func (r *Registry) Past() []Past {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memory == nil {
		return nil
	}
	return append([]Past{}, r.memory.Runs...)
}

// remember notes since when a check fails or warns, and gives it. A consequence
// has no time of its own.
func (r *Registry) remember(report Report) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !report.State.Bad() {
		delete(r.since, report.ID)
		if r.memory != nil {
			delete(r.memory.Since, report.ID)
		}
		return time.Time{}
	}
	if r.memory != nil {
		if at, ok := r.memory.Since[report.ID]; ok {
			return at
		}
	}
	if _, ok := r.since[report.ID]; !ok {
		r.since[report.ID] = time.Now()
	}
	if r.memory != nil {
		return r.memory.trusted(r.since[report.ID])
	}
	return r.since[report.ID]
}

// keep writes a run down, where it says something new.
func (r *Registry) keep(reports []Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.memory
	if m == nil {
		return
	}
	run := Past{At: m.trusted(time.Now()), Build: m.build, Bad: map[string]State{}}
	since := map[string]time.Time{}
	for _, report := range reports {
		if report.State.Bad() {
			run.Bad[report.ID] = report.State
			since[report.ID] = report.Since
		}
	}
	if n := len(m.Runs); n > 0 {
		last := m.Runs[n-1]
		if last.Build == run.Build && maps.Equal(last.Bad, run.Bad) && run.At.Sub(last.At).Abs() < keptApart {
			return
		}
	}
	m.Runs = append(m.Runs[max(0, len(m.Runs)+1-keptRuns):], run)
	m.Since = since
	_ = m.write() // the next run tries again
}

func (m *memory) write() error {
	data, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return keyring.ReplaceFile(m.dir, MemoryFile, data)
}

const (
	keptCuts  = 20 // and as many deaths
	recentDay = 24 * time.Hour
	recentCut = 7 * 24 * time.Hour
)

// Began notes in which boot of the machine the service starts; the boot of a start
// that was never [Registry.Ended] was cut short, or the service died in it. kills is
// how many processes the system killed for lack of memory since that boot: where it
// grew while the service died, the service was likely one of them.
func (r *Registry) Began(boot string, kills uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.memory
	if m == nil || boot == "" {
		return nil
	}
	if m.Boot != "" && m.Boot != boot {
		m.Cuts = append(m.Cuts[max(0, len(m.Cuts)+1-keptCuts):], m.trusted(time.Now()))
	}
	if m.Boot == boot {
		m.Died = append(m.Died[max(0, len(m.Died)+1-keptCuts):], m.trusted(time.Now()))
		if kills > m.Kills {
			m.Killed = append(m.Killed[max(0, len(m.Killed)+1-keptCuts):], m.trusted(time.Now()))
		}
	}
	m.Boot, m.Kills = boot, kills
	return m.write()
}

// Ended notes that the service stops properly.
func (r *Registry) Ended() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memory == nil || r.memory.Boot == "" {
		return nil
	}
	r.memory.Boot = ""
	return r.memory.write()
}

// Deaths counts how often the service ended without having been stopped.
func (r *Registry) Deaths() (d Deaths) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memory == nil {
		return d
	}
	for _, at := range r.memory.Died {
		if r.memory.trusted(time.Now()).Sub(at) < recentDay {
			d.Recent++
			d.Last = at
		}
	}
	return d
}

// Cuts counts how often the machine stopped without a word.
func (r *Registry) Cuts() Cuts {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.memory
	if m == nil || m.Boot == "" {
		return Cuts{}
	}
	return m.lately(m.Cuts)
}

// Killed counts how often the system killed the service for lack of memory.
func (r *Registry) Killed() Cuts {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.memory
	if m == nil || m.Boot == "" {
		return Cuts{}
	}
	return m.lately(m.Killed)
}

// lately counts the moments of the last week.
func (m *memory) lately(list []time.Time) Cuts {
	c := Cuts{Known: true}
	for _, at := range list {
		if m.trusted(time.Now()).Sub(at) < recentCut {
			c.Recent++
			c.Last = at
		}
	}
	return c
}

// maxRepairs bounds what is noted of repairs that were made while no service ran.
const maxRepairs = 20

// NoteRepair notes in a data folder that a repair was made from outside, for the audit
// log of the service's next start.
func NoteRepair(dataDir, id string) error {
	dir := keyring.Dir(dataDir)
	m := &memory{dir: dir}
	if data, err := dir.ReadFile(MemoryFile, maxMemory); err != nil || json.Unmarshal(data, m) != nil || m.Version != 1 {
		m = &memory{dir: dir, Version: 1, Since: map[string]time.Time{}}
	}
	if len(m.Repairs) < maxRepairs {
		m.Repairs = append(m.Repairs, id)
	}
	if err := m.write(); err != nil {
		return fmt.Errorf("repaired, but not noted for the audit log: %w", err)
	}
	return giveBack(filepath.Join(dataDir, MemoryFile), dataDir)
}

// Repaired hands over what was repaired while no service ran; done keeps it for good.
func (r *Registry) Repaired(done func(ids []string) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.memory == nil || len(r.memory.Repairs) == 0 {
		return nil
	}
	if err := done(r.memory.Repairs); err != nil {
		return err
	}
	r.memory.Repairs = nil
	return r.memory.write()
}
