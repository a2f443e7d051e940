package keyring

import (
	"errors"
	"io/fs"
)

// checkKeyFile cannot judge access on Windows from mode bits: there the access
// list of the data directory, which the installer sets, keeps others out.
func checkKeyFile(_ string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("key file is not a regular file")
	}
	return nil
}
