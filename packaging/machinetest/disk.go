//go:build linux

package machinetest

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
)

// Disk is a disk with a write cache that a power cut empties. What the machine wrote
// is in memory until the machine tells the disk to flush; Cut loses of the rest each
// sector by itself, so writes arrive in any order, by half or not at all, as they may
// on a disk of hardware. It speaks the NBD protocol to qemu.
type Disk struct {
	file *os.File
	size int64

	mu      sync.Mutex
	unsaved map[int64][]byte // by number of the sector
	err     error            // the first
	served  sync.WaitGroup
}

const sector = 512

func openDisk(path string) (*Disk, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Disk{file: f, size: info.Size(), unsaved: map[int64][]byte{}}, nil
}

// Cut loses of what was not flushed all sectors but a share, which is between 0 and
// 1, and says how many it kept and lost. The machine must be down.
func (d *Disk) Cut(share float64, chance *rand.Rand) (kept, lost int, err error) {
	d.served.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	sectors := make([]int64, 0, len(d.unsaved))
	for n := range d.unsaved {
		sectors = append(sectors, n)
	}
	slices.Sort(sectors) // the same chance, the same disk
	for _, n := range sectors {
		if chance.Float64() >= share {
			delete(d.unsaved, n)
			lost++
		}
	}
	kept = len(d.unsaved)
	d.save()
	return kept, lost, d.err
}

// save writes everything to the file. d.mu is held.
func (d *Disk) save() {
	for n, data := range d.unsaved {
		if _, err := d.file.WriteAt(data, n*sector); err != nil && d.err == nil {
			d.err = err
		}
	}
	clear(d.unsaved)
}

func (d *Disk) read(b []byte, at int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.file.ReadAt(b, at); err != nil {
		return err
	}
	for i := int64(0); i < int64(len(b)); i += sector {
		if data, ok := d.unsaved[(at+i)/sector]; ok {
			copy(b[i:], data)
		}
	}
	return nil
}

func (d *Disk) write(b []byte, at int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := int64(0); i < int64(len(b)); i += sector {
		d.unsaved[(at+i)/sector] = b[i : i+sector : i+sector]
	}
}

func (d *Disk) flush() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.save()
	return d.err
}

// The parts of the protocol that qemu needs
// (https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md).
const (
	nbdMagic      = 0x4e42444d41474943 // "NBDMAGIC"
	nbdOption     = 0x49484156454f5054 // "IHAVEOPT"
	nbdAnswer     = 0x0003e889045565a9
	nbdRequest    = 0x25609513
	nbdReply      = 0x67446698
	nbdFixed      = 1
	nbdNoZeroes   = 2
	nbdAbort      = 2
	nbdGo         = 7
	nbdAck        = 1
	nbdInfo       = 3
	nbdUnknown    = 1<<31 + 1
	nbdHasFlags   = 1
	nbdCanFlush   = 4
	nbdRead       = 0
	nbdWrite      = 1
	nbdDisconnect = 2
	nbdFlush      = 3
	nbdIOError    = 5
	nbdInvalid    = 22
	nbdMost       = 32 << 20
)

// serve answers qemu until it ends.
func (d *Disk) serve(l net.Listener) {
	d.served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // closed with the machine
			}
			d.served.Go(func() {
				defer c.Close()
				if err := d.talk(c); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					fmt.Fprintln(os.Stderr, "disk:", err) // qemu, which was killed, also resets it
				}
			})
		}
	})
}

func (d *Disk) talk(c net.Conn) error {
	r, w := bufio.NewReaderSize(c, 1<<20), bufio.NewWriterSize(c, 1<<20)
	put := func(values ...any) error {
		for _, v := range values {
			if err := binary.Write(w, binary.BigEndian, v); err != nil {
				return err
			}
		}
		return nil
	}
	if err := errors.Join(put(uint64(nbdMagic), uint64(nbdOption), uint16(nbdFixed|nbdNoZeroes)), w.Flush()); err != nil {
		return err
	}
	if _, err := r.Discard(4); err != nil { // its flags
		return err
	}
	for going := false; !going; {
		var o struct {
			Magic       uint64
			Option, Len uint32
		}
		if err := binary.Read(r, binary.BigEndian, &o); err != nil {
			return err
		}
		if o.Magic != nbdOption || o.Len > 4096 {
			return errors.New("no option")
		}
		if _, err := r.Discard(int(o.Len)); err != nil {
			return err
		}
		var err error
		switch o.Option {
		case nbdGo:
			err = put(uint64(nbdAnswer), o.Option, uint32(nbdInfo), uint32(12), uint16(0), uint64(d.size), uint16(nbdHasFlags|nbdCanFlush),
				uint64(nbdAnswer), o.Option, uint32(nbdAck), uint32(0))
			going = true
		case nbdAbort:
			err = put(uint64(nbdAnswer), o.Option, uint32(nbdAck), uint32(0))
		default:
			err = put(uint64(nbdAnswer), o.Option, uint32(nbdUnknown), uint32(0))
		}
		if err := errors.Join(err, w.Flush()); err != nil {
			return err
		}
	}
	for {
		var q struct {
			Magic       uint32
			Flags, Kind uint16
			Cookie      uint64
			At          int64
			Len         uint32
		}
		if err := binary.Read(r, binary.BigEndian, &q); err != nil {
			return err
		}
		if q.Magic != nbdRequest || q.Len > nbdMost {
			return errors.New("no request")
		}
		var data []byte
		failed := uint32(0)
		fits := q.At >= 0 && q.At%sector == 0 && q.Len%sector == 0 && q.At+int64(q.Len) <= d.size
		switch q.Kind {
		case nbdWrite:
			b := make([]byte, q.Len)
			if _, err := io.ReadFull(r, b); err != nil {
				return err
			}
			if !fits {
				failed = nbdInvalid
				break
			}
			d.write(b, q.At)
		case nbdRead:
			if !fits {
				failed = nbdInvalid
				break
			}
			data = make([]byte, q.Len)
			if err := d.read(data, q.At); err != nil {
				failed, data = nbdIOError, nil
			}
		case nbdFlush:
			if err := d.flush(); err != nil {
				failed = nbdIOError
			}
		case nbdDisconnect:
			return nil
		default:
			failed = nbdInvalid
		}
		if err := put(uint32(nbdReply), failed, q.Cookie); err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
}
