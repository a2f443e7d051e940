package crashtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
)

// damage is what mischief has cost.
type damage struct {
	Event uuid.UUID // can no longer be read
	Rows  int       // view rows that can no longer be read
}

const pageSize = 4096

// wreak does mischief to the files in dir, where no process has them open. older
// is the store file as it was one phase ago.
func (h *History) wreak(dir string, phase int, older []byte) error {
	path := filepath.Join(dir, "data", "store.db")
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	switch h.sc.Phases[phase].Before {
	case "":
		return nil
	case PutBack:
		h.Forget(phase - 1)
		content = older
	case ZeroBranch:
		err = zeroBranch(path, content)
	case FlipRecord:
		h.Damage[phase].Event, err = h.flipRecord(path, content)
	case SwapRows:
		h.Damage[phase].Rows = 2
		err = swapRows(path, content)
	default:
		err = errors.New("no such mischief")
	}
	if err != nil {
		return fmt.Errorf("cannot do %s: %w", h.sc.Phases[phase].Before, err)
	}
	return os.WriteFile(path, content, 0o600)
}

// look reads the closed file with bbolt alone.
func look(path string, fn func(tx *bolt.Tx) error) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		return err
	}
	return errors.Join(db.View(fn), db.Close())
}

// zeroBranch loses the page that leads to the events.
func zeroBranch(path string, content []byte) error {
	return look(path, func(tx *bolt.Tx) error {
		root := uint64(tx.Bucket([]byte("events")).Root())
		page := content[root*pageSize:][:pageSize]
		if binary.LittleEndian.Uint16(page[8:]) != 1 {
			return errors.New("events have no branch page")
		}
		clear(page)
		return nil
	})
}

// flipRecord turns a bit of the last acknowledged record of a stream.
func (h *History) flipRecord(path string, content []byte) (id uuid.UUID, err error) {
	for _, p := range h.sc.Phases {
		for _, op := range p.Ops {
			if h.Answers[op.N].Acked && op.Do == DoAppend && op.Events[0].stream() == (streamName{"", chanLab}) {
				id = op.Events[0].ID
			}
		}
	}
	err = look(path, func(tx *bolt.Tx) error {
		row := tx.Bucket([]byte("ids")).Get(id[:])
		if len(row) < 16 {
			return errors.New("event is not indexed")
		}
		value := tx.Bucket([]byte("events")).Get(row[:16])
		at := bytes.Index(content, value)
		if len(value) == 0 || at < 0 {
			return errors.New("record is not in the file")
		}
		content[at+len(value)/2] ^= 0x10
		return nil
	})
	return id, err
}

// swapRows lets two rows of the view change places.
func swapRows(path string, content []byte) error {
	return look(path, func(tx *bolt.Tx) error {
		byLength := map[int][]byte{}
		c := tx.Bucket([]byte("views")).Cursor()
		for k, v := c.First(); k != nil; k, v = c.Next() {
			other := byLength[len(v)]
			if other == nil {
				byLength[len(v)] = bytes.Clone(v)
				continue
			}
			a, b := bytes.Index(content, other), bytes.Index(content, v)
			if a < 0 || b < 0 {
				return errors.New("row is not in the file")
			}
			v = bytes.Clone(v)
			copy(content[a:], v)
			copy(content[b:], other)
			return nil
		}
		return errors.New("no two rows of the same length")
	})
}
