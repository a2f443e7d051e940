package nfc

// Of periph's drivers this is the one that SPI takes: the kernel's /dev/spidev*.
// Those of single boards, which map a chip's registers into the process, would
// weigh 0.4 MB on arm.
import _ "periph.io/x/host/v3/sysfs"
