package gpio

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/driver"
	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/host/v3/gpioioctl"

	"clinicgate/devices"
)

// supported: lines can be had on this system.
const supported = true

// openLine takes a line into use.
func openLine(l Line) (*held, error) { return chips.open(l) }

// chips is the one thing at package level that changes, because what it fences
// is: periph reads the chips of a machine once for the process, into variables.
// Nothing else of ours touches them.
var chips fence

// fence keeps to what is safe with gpioioctl of periph.io/x/host v3.8.5, and
// makes chips that come later known to it.
//
// A chip of periph must never be closed, and never become garbage: it holds its
// file twice, so the second close may hit a file of somebody else that got the
// same number, and Close then closes file 0, whatever that is. So a chip that
// went away keeps its file until the process ends; maxReadings bounds that.
type fence struct {
	mu       sync.Mutex
	nodes    string // what was in /dev at the last reading
	denied   bool   // and some of it may not be opened
	current  int    // index in gpioioctl.Chips of the first chip of the last reading
	readings int
	used     map[*gpioioctl.GPIOLine]bool
}

// maxReadings bounds how often chips may come and go in one process.
const maxReadings = 64

// open finds a line and marks it as used. mu is held while the kernel lists the
// chips, which it does from memory.
func (f *fence) open(l Line) (*held, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.read(); err != nil {
		return nil, err
	}
	chip, line, err := f.find(l)
	if err != nil {
		return nil, err
	}
	if f.used[line] {
		return nil, &devices.Fault{Reason: "line is in use by another device of this kiosk", Hint: "give each [[device]] a line of its own"}
	}
	was, ok := node(chip.Path())
	if !ok {
		return nil, gone()
	}
	if f.used == nil {
		f.used = map[*gpioioctl.GPIOLine]bool{}
	}
	f.used[line] = true
	where := fmt.Sprintf("%s line %d", chip.Path(), line.Number())
	if name := nameOf(chip, line); name != "" {
		where += " " + name
	}
	return &held{
		PinIO: line, where: where,
		gone: func() error {
			if now, ok := node(chip.Path()); !ok || now != was {
				return gone()
			}
			return nil
		},
		close: func() {
			line.Close()
			f.mu.Lock()
			defer f.mu.Unlock()
			delete(f.used, line)
		},
	}, nil
}

// Ready has periph read what this machine has, for hardware of another package
// that periph's registries lead to, such as a bus and a line beside it. Nobody
// else of ours may have periph do that: it is safe behind the fence only.
func Ready() error {
	chips.mu.Lock()
	defer chips.mu.Unlock()
	_ = chips.read() // a chip that is missing or forbidden is a line that the caller does not find
	_, err := driverreg.Init()
	keepFileZero()
	return err
}

// read brings periph's list to the chips that are there now. mu is held.
func (f *fence) read() error {
	paths, err := filepath.Glob("/dev/gpiochip*")
	if err != nil || len(paths) == 0 {
		return &devices.Fault{Reason: "there is no GPIO chip", Hint: "plug it in, or load its driver"}
	}
	nodes, links, denied := "", false, false
	for _, p := range paths {
		info, err := os.Lstat(p)
		if err != nil {
			continue
		}
		n, _ := node(p)
		links = links || info.Mode()&os.ModeSymlink != 0
		forbidden := unix.Access(p, unix.R_OK) != nil
		denied = denied || forbidden
		nodes += fmt.Sprintln(p, n, forbidden)
	}
	if nodes == f.nodes {
		return nil
	}
	switch {
	case f.readings >= maxReadings:
		return &devices.Fault{Reason: "GPIO chips came and went too often", Hint: "look for a loose cable, then restart the service"}
	case f.readings > 0 && links:
		// periph closes what it finds twice, see above. Once, at the start, that
		// hits our standard input, which stands ready for it.
		return &devices.Fault{Reason: "GPIO chips changed", Hint: "restart the service: where one chip has two names, they are read at its start only"}
	}
	for _, chip := range gpioioctl.Chips[f.current:] {
		for _, line := range chip.Lines() { // or the new ones could not have their names
			if known, ok := gpioreg.ByName(line.Name()).(*gpioioctl.GPIOLine); ok && known == line {
				_ = gpioreg.Unregister(line.Name())
			}
		}
	}
	before := len(gpioioctl.Chips)
	err = load()
	keepFileZero()
	f.current = before
	if err != nil && len(gpioioctl.Chips) == before && !denied {
		return &devices.Fault{Reason: "GPIO chips cannot be read", Hint: "restart the service", Err: err}
	}
	f.nodes, f.denied = nodes, denied
	f.readings++
	return nil
}

// load has periph read the chips. The registry does that for all its drivers
// once; after that the driver is asked itself.
func load() error {
	before := len(gpioioctl.Chips)
	state, err := driverreg.Init()
	if err != nil || before == 0 && len(gpioioctl.Chips) > 0 {
		return err
	}
	all := slices.Clone(state.Loaded)
	for _, s := range slices.Concat(state.Skipped, state.Failed) {
		all = append(all, s.D)
	}
	i := slices.IndexFunc(all, func(d driver.Impl) bool { return d.String() == "ioctl-gpio" })
	if i < 0 {
		return errors.New("the GPIO driver is missing")
	}
	_, err = all[i].Init()
	return err
}

// keepFileZero gives the process a file 0 again, if it has none: whatever is
// opened next would get that number.
func keepFileZero() {
	if _, err := unix.FcntlInt(0, unix.F_GETFD, 0); !errors.Is(err, unix.EBADF) {
		return
	}
	if fd, err := unix.Open("/dev/null", unix.O_RDWR, 0); err == nil && fd != 0 {
		_ = unix.Close(fd) // somebody else was quicker, and file 0 is theirs
	}
}

// find gives the line that l names among the chips of the last reading.
func (f *fence) find(l Line) (*gpioioctl.GPIOChip, *gpioioctl.GPIOLine, error) {
	var chip *gpioioctl.GPIOChip
	var line *gpioioctl.GPIOLine
	chips, lines := 0, 0
	for _, c := range gpioioctl.Chips[f.current:] {
		if l.Chip != "" && l.Chip != c.Name() && l.Chip != c.Label() {
			continue
		}
		chips++
		for _, candidate := range c.Lines() {
			if l.Name == "" && candidate.Number() == l.Offset || l.Name != "" && nameOf(c, candidate) == l.Name {
				chip, line = c, candidate
				lines++
			}
		}
	}
	switch {
	case chips == 0 && f.denied:
		return nil, nil, &devices.Fault{Reason: "no permission to use the GPIO chip", Hint: "give the service's user the right to /dev/gpiochip*: by the udev rule of the package or the group gpio"}
	case chips == 0:
		return nil, nil, &devices.Fault{Reason: "no such GPIO chip", Hint: "plug it in; `clinicgate devices list` shows the chips that are there"}
	case lines == 0:
		return nil, nil, &devices.Fault{Reason: "the GPIO chip has no such line", Hint: "`clinicgate devices list` shows how many it has; `gpioinfo` lists their names"}
	case lines > 1:
		return nil, nil, &devices.Fault{Reason: "several GPIO lines have this name", Hint: "name the chip, too, and the offset: gpio:CHIP/OFFSET"}
	}
	return chip, line, nil
}

// nameOf is the kernel's name of a line. periph puts the chip's before it where
// another line had the name first.
func nameOf(c *gpioioctl.GPIOChip, l *gpioioctl.GPIOLine) string {
	return strings.TrimPrefix(l.Name(), c.Name()+"-")
}

// node says which device node is at a path; another chip under the same name has
// another.
func node(path string) (id [2]uint64, ok bool) {
	info, err := os.Stat(path)
	if err != nil {
		return id, false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return id, false
	}
	return [2]uint64{st.Ino, st.Rdev}, true
}
