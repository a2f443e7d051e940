// Package gpio reads buttons and presence sensors, and drives lamps and
// sounders, on the lines of a GPIO chip, through periph and Linux's character
// device (/dev/gpiochip*).
//
// It promises: one press is one devices.Reading, however its contacts bounce; a
// button that is held down for 30 s is a fault that is said once, and works again
// when it is let go; a presence sensor says "present" at once, "absent" after a
// while without anybody, and "absent" when it is lost; an output is off before
// its first command and after Run, does each command once by its id, and shows
// what was asked for again when its chip comes back; no sounder sounds longer
// than half a second at a time, and an alarm that nobody stops is reduced to once
// a minute; no lamp flashes more than three times a second; a chip or line that is
// missing, in use or forbidden is a loss with its reason and a hint, looked for
// once a second, and nothing else notices.
//
// It refuses to know what a press means or why a lamp blinks: the gateway does.
// It refuses periph's own lists as names (gpioreg), which change with the order
// of finding: a line is named by its chip's label and its offset, see ParseLine.
//
//	button ─▶ line ─▶ await: an edge, ─▶ follow: level ─▶ press, or ─▶ Reading ─▶ Sink
//	sensor            then quiet                          stuck
//
//	Do ─▶ parse: closed schema ─▶ player: pattern, ─▶ drive ─▶ line ─▶ lamp
//	      of verbs                pulse over it      once a second    sounder
//	                                                 again
//
// # When the process ends
//
// A clean end writes "off" and gives the line back. A killed process gives it
// back, too, because the kernel closes its files, but writes nothing. What a line
// shows that nobody holds is its chip's matter: most keep the last level until
// the service is started again, which writes "off" first; some, gpio-sim among
// them, fall back to the pull or to input. So wire an output so that the level of
// an unconnected line is off, with active = "high" and a resistor to ground, or
// the other way round. Nothing is recovered: a press that the sink had not
// accepted was confirmed to nobody, and the person presses again.
//
// # What is proved where
//
// The tests here use periph's gpiotest in virtual time. `make e2e-vm` runs the
// TestVM ones on the kernel's gpio-sim (devices/simulator.GPIOChip): edges to
// readings, levels read back, a process killed, chips unplugged and back. There is
// no other simulator: no program can imitate a character device. Where the kernel
// has none, which is nearly everywhere, a demo's button, lamp and sounder are MQTT
// devices of the bridge and end in the same rules of the gateway.
//
// BUG: periph sets the direction of a line before its level, so that a lamp or
// relay with active = "low" is on for some microseconds when it is attached.
//
// BUG: periph keeps the files of a chip that went away until the process ends, so
// a USB adapter that is plugged in again comes back under another name
// (gpiochip1 for gpiochip0): bind it by its label. After 64 changes of the chips
// the service must be restarted, and where one chip has two names (the link
// gpiochip4 of some Raspberry Pi systems) after the first. See fence.
//
// BUG: periph prints errors of a chip that goes away with package log.
package gpio
