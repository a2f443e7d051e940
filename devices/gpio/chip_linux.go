package gpio

import (
	"bytes"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// chipInfo is struct gpiochip_info of linux/gpio.h.
type chipInfo struct {
	name, label [32]byte
	lines       uint32
}

// getChipInfo is GPIO_GET_CHIPINFO_IOCTL: _IOR(0xB4, 0x01, struct gpiochip_info).
const getChipInfo = 2<<30 | unsafe.Sizeof(chipInfo{})<<16 | 0xb4<<8 | 0x01

// Chips lists the chips that are there and that this process may open. It asks the
// kernel itself: periph would keep every chip open for good, see fence.
func Chips() (list []Chip) {
	paths, _ := filepath.Glob("/dev/gpiochip*") // the pattern is right
	for _, path := range paths {
		if at, err := os.Lstat(path); err != nil || at.Mode()&os.ModeSymlink != 0 {
			continue // another name of a chip
		}
		if info, ok := chipInfoOf(path); ok {
			list = append(list, Chip{path, text(info.name), text(info.label), int(info.lines)})
		}
	}
	return list
}

func chipInfoOf(path string) (info chipInfo, ok bool) {
	f, err := os.Open(path)
	if err != nil {
		return info, false
	}
	defer func() { _ = f.Close() }()
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), getChipInfo, uintptr(unsafe.Pointer(&info)))
	return info, errno == 0
}

func text(b [32]byte) string {
	s, _, _ := bytes.Cut(b[:], []byte{0})
	return string(s)
}
