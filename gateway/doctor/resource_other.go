//go:build !linux && !windows

package doctor

import "time"

// Resident is not told here.
func Resident() (used, limit uint64, ok bool) { return 0, 0, false }

// OpenFiles is not told here.
func OpenFiles() (open, limit uint64, ok bool) { return 0, 0, false }

// PendingRestart is not told here.
func PendingRestart() (pending, known bool) { return false, false }

// MaySleep is not told here.
func MaySleep() (may, known bool) { return false, false }

// Kills are not counted here.
func Kills() (n uint64, known bool) { return 0, false }

// Processor is not told here.
func Processor() (used time.Duration, known bool) { return 0, false }

// ProcessorWaits is not told here.
func ProcessorWaits() (percent float64, known bool) { return 0, false }

// ThrottlingOf is not told here.
func ThrottlingOf(string) Throttling { return Throttling{} }
