package archive

import (
	"bufio"
	"bytes"
	"io"
	"path/filepath"
	"testing"
	"time"
)

// known is a secret without a keyring behind it: deriving a keyring's own takes
// longer than reading a thousand small backups.
type known struct{}

func (known) Secret(string) ([]byte, error) { return bytes.Repeat([]byte{7}, 32), nil }

// smallBackup is the same file each time, and what its parts hold.
func smallBackup(f *testing.F) (whole, plain []byte) {
	f.Helper()
	var b bytes.Buffer
	a, err := begin(&b, Header{Kiosk: "lobby-1", Organization: "org", Program: "test", StoreFormat: 1, Store: "00", Made: time.Unix(1, 0).UTC(),
		Salt: make([]byte, saltSize), Keyring: []byte("keyring")}, known{})
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range []struct{ name, content string }{
		{ConfigFile, "[kiosk]\n"}, {StoreFile, "the store"}, {blobPrefix + "00112233445566778899aabbccddeeff", "a signature"},
	} {
		if err := a.add(m.name, int64(len(m.content)), []byte(m.content), nil); err != nil {
			f.Fatal(err)
		}
	}
	if err := a.end(); err != nil {
		f.Fatal(err)
	}
	in := bufio.NewReader(bytes.NewReader(b.Bytes()))
	if _, _, err := readHeader(in); err != nil {
		f.Fatal(err)
	}
	plain, err = io.ReadAll(&reader{in: in, aead: a.aead, sealed: make([]byte, partSize+a.aead.Overhead())})
	if err != nil {
		f.Fatal(err)
	}
	return b.Bytes(), plain
}

// FuzzRead: nothing is read but what was written, to the byte.
func FuzzRead(f *testing.F) {
	whole, _ := smallBackup(f)
	f.Add(whole)
	f.Add(whole[:64])
	f.Add(whole[:len(whole)-20])
	f.Add([]byte("CGBK\x01\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, err := Read(bytes.NewReader(b), func(Header) (Secret, error) { return known{}, nil }, func(Member, io.Reader) error { return nil })
		if (err == nil) != bytes.Equal(b, whole) {
			t.Fatalf("%d bytes, of %d that were written: %v", len(b), len(whole), err)
		}
	})
}

// FuzzMembers: whatever stands below a good seal, what is read is a store with the
// sizes that were said, and every name stays in the folder.
func FuzzMembers(f *testing.F) {
	_, plain := smallBackup(f)
	f.Add(plain)
	f.Add(plain[:len(plain)/2])
	f.Add([]byte("\x08store.db\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte("\x00\xff\xff\xff\xff{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		sizes := map[string]int64{}
		m, err := readMembers(bytes.NewReader(b), func(m Member, content io.Reader) error {
			if !filepath.IsLocal(filepath.FromSlash(m.Name)) {
				t.Errorf("a member called %q", m.Name)
			}
			n, err := io.Copy(io.Discard, content)
			sizes[m.Name] = n
			return err
		})
		if err != nil {
			return
		}
		if _, ok := sizes[StoreFile]; !ok {
			t.Error("there is no store in it")
		}
		for _, one := range m.Members {
			if n, ok := sizes[one.Name]; !ok || n != one.Size {
				t.Errorf("%s: %d bytes of %d", one.Name, n, one.Size)
			}
		}
	})
}
