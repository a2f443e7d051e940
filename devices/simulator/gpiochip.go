package simulator

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrNoGPIO: this kernel simulates no GPIO chips.
var ErrNoGPIO = errors.New("no simulated GPIO chips here: they need Linux, root and the module gpio-sim")

// gpioSim is where the kernel's gpio-sim is told what to simulate
// (Documentation/admin-guide/gpio/gpio-sim.rst).
const gpioSim = "/sys/kernel/config/gpio-sim"

// GPIOChip is a chip that the kernel simulates: a real character device whose
// lines are driven and looked at from outside. No program can imitate one, so it
// is there only where the kernel has gpio-sim and this process is root.
type GPIOChip struct {
	home  string
	lines int
}

// NewGPIOChip plugs in a chip of so many lines. Its label, lower-case letters and
// digits, names it; line n is called LABEL-n. All lines are low.
func NewGPIOChip(label string, lines int) (*GPIOChip, error) {
	if _, err := os.Stat(gpioSim); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoGPIO
	}
	c := &GPIOChip{filepath.Join(gpioSim, label), lines}
	err := os.MkdirAll(c.bank(), 0o755)
	set := func(name, value string) {
		if err == nil {
			err = os.WriteFile(filepath.Join(c.bank(), name), []byte(value), 0o644)
		}
	}
	set("num_lines", fmt.Sprint(lines))
	set("label", label)
	for n := range lines {
		if err == nil {
			err = os.Mkdir(c.line(n), 0o755)
		}
		set(fmt.Sprintf("line%d/name", n), fmt.Sprintf("%s-%d", strings.ToUpper(label), n))
	}
	if err == nil {
		err = c.Plug(true)
	}
	if err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("cannot simulate a GPIO chip: %w", err)
	}
	return c, nil
}

func (c *GPIOChip) bank() string      { return filepath.Join(c.home, "bank") }
func (c *GPIOChip) line(n int) string { return filepath.Join(c.bank(), fmt.Sprintf("line%d", n)) }

// Plug takes the chip away, whoever uses it, or brings it back.
func (c *GPIOChip) Plug(in bool) error {
	live, value := filepath.Join(c.home, "live"), "0"
	if in {
		value = "1"
	}
	if now, err := os.ReadFile(live); err != nil || strings.TrimSpace(string(now)) == value {
		return err
	}
	return os.WriteFile(live, []byte(value), 0o644)
}

// Drive puts a line at a level from outside, as a contact or a sensor does. It
// stays there.
func (c *GPIOChip) Drive(line int, high bool) error {
	path, err := c.attribute(line, "pull")
	if err != nil {
		return err
	}
	pull := "pull-down"
	if high {
		pull = "pull-up"
	}
	return os.WriteFile(path, []byte(pull), 0o644)
}

// Level reads a line from outside, as a lamp sees it.
func (c *GPIOChip) Level(line int) (high bool, err error) {
	path, err := c.attribute(line, "value")
	if err != nil {
		return false, err
	}
	value, err := os.ReadFile(path)
	return strings.TrimSpace(string(value)) == "1", err
}

// attribute finds a file of a line; where, the kernel decides at each plugging.
func (c *GPIOChip) attribute(line int, name string) (string, error) {
	device, err := os.ReadFile(filepath.Join(c.home, "dev_name"))
	if err != nil {
		return "", err
	}
	chip, err := os.ReadFile(filepath.Join(c.bank(), "chip_name"))
	if err != nil {
		return "", err
	}
	return filepath.Join("/sys/devices/platform", strings.TrimSpace(string(device)), strings.TrimSpace(string(chip)), fmt.Sprintf("sim_gpio%d", line), name), nil
}

// Close takes the chip away for good.
func (c *GPIOChip) Close() error {
	err := c.Plug(false)
	for n := range c.lines {
		_ = os.Remove(c.line(n)) // the last remove tells
	}
	_ = os.Remove(c.bank())
	return errors.Join(err, os.Remove(c.home))
}
