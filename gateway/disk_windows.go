package gateway

import (
	"path/filepath"
	"strings"
)

// sameDisk reports whether two paths are on one volume, by their drive letters.
func sameDisk(a, b string) bool {
	return strings.EqualFold(filepath.VolumeName(a), filepath.VolumeName(b))
}
