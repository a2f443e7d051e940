package archive

import (
	"bufio"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Read reads a backup to its end. unlock gives the keyring that made it; each is
// called for every member, in order, and what it leaves unread is passed over. What
// each was given is to be believed only once Read has returned nil.
func Read(r io.Reader, unlock func(Header) (Secret, error), each func(m Member, content io.Reader) error) (Header, Manifest, error) {
	in := bufio.NewReaderSize(r, partSize+16)
	h, raw, err := readHeader(in)
	if err != nil {
		return h, Manifest{}, fmt.Errorf("cannot read backup: %w", err)
	}
	from, err := unlock(h)
	if err != nil {
		return h, Manifest{}, err
	}
	aead, err := sealer(from, h.Salt, raw)
	if err != nil {
		return h, Manifest{}, fmt.Errorf("cannot read backup: %w", err)
	}
	m, err := readMembers(&reader{in: in, aead: aead, sealed: make([]byte, partSize+aead.Overhead())}, each)
	if err != nil {
		return h, m, fmt.Errorf("cannot read backup: %w", err)
	}
	return h, m, nil
}

// reader opens part after part.
type reader struct {
	in     *bufio.Reader
	aead   cipher.AEAD
	n      uint64
	sealed []byte
	part   []byte // what is left of the open one
	last   bool
}

// Read implements io.Reader. It gives io.EOF after the last part only.
func (r *reader) Read(p []byte) (int, error) {
	for len(r.part) == 0 {
		if r.last {
			return 0, io.EOF
		}
		n, err := io.ReadFull(r.in, r.sealed)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			if errors.Is(err, io.EOF) {
				err = ErrDamaged
			}
			return 0, err
		}
		_, more := r.in.Peek(1)
		r.last = more != nil
		if r.last && !errors.Is(more, io.EOF) {
			return 0, more // the disk, not the end
		}
		r.part, err = r.aead.Open(r.sealed[:0], nonce(r.n, r.last), r.sealed[:n], nil)
		if err != nil {
			return 0, fmt.Errorf("%w: part %d", ErrDamaged, r.n)
		}
		r.n++
	}
	n := copy(p, r.part)
	r.part = r.part[n:]
	return n, nil
}

func readMembers(r io.Reader, each func(Member, io.Reader) error) (Manifest, error) {
	var found []Member
	for {
		m, err := readMember(r)
		if err != nil {
			return Manifest{}, err
		}
		if m.Name == "" {
			return readManifest(r, found)
		}
		if len(found) >= maxMembers || slices.ContainsFunc(found[:min(len(found), 2)], func(f Member) bool { return f.Name == m.Name }) {
			return Manifest{}, fmt.Errorf("%w: members", ErrDamaged)
		}
		sum := sha256.New()
		content := &io.LimitedReader{R: io.TeeReader(r, sum), N: m.Size}
		if err := each(m, content); err != nil {
			return Manifest{}, err
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return Manifest{}, err
		}
		if content.N > 0 {
			return Manifest{}, fmt.Errorf("%w: %s is short", ErrDamaged, m.Name)
		}
		m.Sum = hexSum(sum)
		found = append(found, m)
	}
}

// readMember reads what stands before a member; its name is empty before the
// manifest.
func readMember(r io.Reader) (m Member, err error) {
	var head [1]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return m, ended(err)
	}
	if head[0] == 0 {
		return m, nil
	}
	rest := make([]byte, int(head[0])+8)
	if _, err := io.ReadFull(r, rest); err != nil {
		return m, ended(err)
	}
	name, size := rest[:head[0]], binary.BigEndian.Uint64(rest[head[0]:])
	m.Name, m.Size = string(name), int64(size)
	if size > maxStore || !memberName.Match(name) || !fits(m.Name, m.Size) {
		return m, fmt.Errorf("%w: a member that no store has", ErrDamaged)
	}
	return m, nil
}

func readManifest(r io.Reader, found []Member) (m Manifest, err error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return m, ended(err)
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxManifest {
		return m, fmt.Errorf("%w: manifest", ErrDamaged)
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(n)+1)) // one byte more is an error
	if err != nil {
		return m, err
	}
	if len(text) != int(n) || json.Unmarshal(text, &m) != nil || !slices.Equal(m.Members, found) {
		return m, fmt.Errorf("%w: manifest", ErrDamaged)
	}
	if !slices.ContainsFunc(found, func(f Member) bool { return f.Name == StoreFile }) {
		return m, fmt.Errorf("%w: there is no store in it", ErrDamaged)
	}
	return m, nil
}

// ended tells an end that comes too early from a disk that does not read.
func ended(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrDamaged
	}
	return err
}
