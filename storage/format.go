package storage

import (
	"cmp"
	"os"
	"path/filepath"
	"strings"

	"clinicgate/storage/keyring"
)

// programFile names the version of the program that used the store last. The file of
// the store itself may be in a form that an older version cannot read.
const programFile = "program"

// sign notes which program uses the store, before it commits anything.
func (s *Store) sign() error {
	if s.o.Program == "" || lastProgram(s.dir) == s.o.Program {
		return nil
	}
	return keyring.ReplaceFile(s.dir, programFile, []byte(s.o.Program+"\n"))
}

func lastProgram(dir keyring.FS) string {
	b, err := dir.ReadFile(programFile, 200)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// Newer is the refusal of a store in dir that a newer version wrote in a format, by name.
// Nothing was changed.
func Newer(dir string, format int) error {
	by := cmp.Or(lastProgram(keyring.Dir(dir)), "of a newer version")
	back := "restore a backup from before the upgrade"
	if _, err := os.Stat(filepath.Join(dir, keptName(formatVersion))); err == nil {
		back = "put " + keptName(formatVersion) + ", the store as it was before the upgrade, in the place of " + storeName
	}
	return hint("install clinicgate "+by+" or a newer one again, or "+back+": what was recorded since is then gone",
		"%w: clinicgate %s, in format %d; this version reads up to %d", ErrNewer, by, format, formatVersion)
}
