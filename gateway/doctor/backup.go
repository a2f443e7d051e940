package doctor

import (
	"context"
	"fmt"
	"time"
)

// Backup is how the copies of the store are.
type Backup struct {
	Dir      string    // where the nightly ones go; empty: nowhere
	Last     time.Time // the last good one, wherever it went; zero: none yet
	Problem  string    // why the last try failed, in constant words; empty after a good one
	OldStay  bool      // an old one could not be removed
	SameDisk bool      // Dir is on the store's own disk
}

// LastAt is Last for who asks now. One of a time that is still to come was made while
// the clock was ahead: it is none, or no night would have another until then.
func (b Backup) LastAt(now time.Time) time.Time {
	if b.Last.After(now.Add(backupAhead)) {
		return time.Time{}
	}
	return b.Last
}

const (
	backupAge   = 26 * time.Hour  // a night, and what jitter and a busy page may add
	backupAhead = 5 * time.Minute // by which clocks may differ
)

// StoreBackup looks how old the last good copy of the store is.
func StoreBackup(state func() Backup, now func() time.Time) Check {
	return Check{ID: "store-backup", DependsOn: []string{"store-open", "store-recovered"}, Run: func(context.Context) Result {
		b, now := state(), now()
		last := b.LastAt(now)
		age := "there is no copy of the store yet"
		switch {
		case !last.IsZero():
			age = "the last good copy is " + days(now.Sub(last)) + " old"
		case !b.Last.IsZero():
			age = "the last copy was made while the clock was ahead"
		}
		old := last.IsZero() || now.Sub(last) > backupAge
		switch {
		case b.Dir == "" && old:
			return Result{Warn, "no nightly backup is set up; " + age, "set backup.dir in the config to a folder on another machine; `clinicgate store backup FILE` makes one now"}
		case b.Problem != "" && old:
			return Result{Warn, age + ": " + b.Problem, "see that backup.dir can be reached and written by the service; `clinicgate store backup` tries at once"}
		case b.Problem != "":
			return Result{Warn, "the last try failed: " + b.Problem + "; " + age, "it is tried again every 15 minutes; see that backup.dir can be reached and written by the service"}
		case old:
			return Result{Warn, age, "it is made at backup.at when nobody is at the page; `clinicgate store backup` makes one now"}
		case b.OldStay:
			return Result{Warn, "old copies cannot be removed, and will fill the folder; " + age, "let the service's account remove files in backup.dir, or remove old ones there by hand"}
		case b.SameDisk:
			return Result{Warn, "the backups lie on the store's own disk and die with it; " + age, "set backup.dir to a folder on another machine or medium"}
		}
		return Result{State: OK, Detail: age}
	}}
}

// days says an age in hours or days.
func days(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%d h", int(max(0, d).Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
