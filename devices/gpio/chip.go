package gpio

import "fmt"

// Chip is a GPIO chip that is there.
type Chip struct {
	Path  string // such as /dev/gpiochip0
	Name  string // of the moment, such as gpiochip0
	Label string // of the driver, such as pinctrl-bcm2711; stays
	Lines int
}

// Port is how the config names a line of the chip, with LINE for the line.
func (c Chip) Port() string { return "gpio:" + c.Label + "/LINE" }

// Product says what it is, in words.
func (c Chip) Product() string {
	return fmt.Sprintf("GPIO chip %s, lines 0 to %d", c.Name, c.Lines-1)
}
