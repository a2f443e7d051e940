//go:build unix

package keyring

import (
	"errors"
	"fmt"
	"io/fs"
)

func checkKeyFile(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("key file is not a regular file")
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return hint(fmt.Errorf("key file has mode %04o: others can reach it", perm), "chmod 600 "+path)
	}
	return nil
}
