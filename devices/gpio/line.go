package gpio

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Line names one line of a GPIO chip.
type Line struct {
	Chip   string // the chip's label or its name of the moment; empty: whichever chip has the line
	Name   string // of the line; empty: Offset counts
	Offset int
}

// maxChipLines is more than any chip has.
const maxChipLines = 4096

// ParseLine reads one of
//
//	gpio:pinctrl-bcm2711/17       line 17 of the chip with this label
//	gpio:gpiochip0/17             line 17 of this chip; numbers are given out in the order of finding
//	gpio:pinctrl-bcm2711/GPIO17   a line of this chip by its name
//	gpio:GPIO17                   the only line of this name
//
// Chips and `gpioinfo` tell labels and offsets; `gpioinfo` tells names.
func ParseLine(s string) (Line, error) {
	rest, ok := strings.CutPrefix(s, "gpio:")
	if !ok {
		return Line{}, fmt.Errorf("port %q is not of the form gpio:CHIP/LINE or gpio:NAME", s)
	}
	bad := func(what string) (Line, error) {
		return Line{}, fmt.Errorf("port %q: %s; write gpio:CHIP/LINE or gpio:NAME as `gpioinfo` prints them", s, what)
	}
	if len(rest) > 96 || strings.ContainsFunc(rest, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return bad("there are characters that no chip or line has, or too many")
	}
	chip, line, both := strings.Cut(rest, "/")
	if !both {
		chip, line = "", rest
	}
	if line == "" || both && chip == "" {
		return bad("chip or line is missing")
	}
	n, err := strconv.Atoi(line)
	switch {
	case err != nil && !errors.Is(err, strconv.ErrRange):
		return Line{Chip: chip, Name: line}, nil
	case !both:
		return bad("a number needs its chip")
	case err != nil || n < 0 || n >= maxChipLines:
		return bad("no chip has a line of that number")
	}
	return Line{Chip: chip, Offset: n}, nil
}

// String is the syntax of ParseLine.
func (l Line) String() string {
	line := l.Name
	if line == "" {
		line = strconv.Itoa(l.Offset)
	}
	if l.Chip == "" {
		return "gpio:" + line
	}
	return "gpio:" + l.Chip + "/" + line
}
