package control

import (
	"context"
	"time"
)

// DeviceTests lets a technician try a device on the path that patients use, and
// take another unit into use. What a device reads meanwhile goes to the
// technician, never its content.
type DeviceTests interface {
	// Await waits for the next reading of an input.
	Await(context.Context, Caller, DeviceAwait) (DeviceRead, error)
	// Try has an output do something that can be seen, heard or held.
	Try(context.Context, Caller, DeviceUnit) (DeviceTried, error)
	// Judge records how the test ended.
	Judge(context.Context, Caller, DeviceVerdict) (DeviceTested, error)
	// Replace takes the unit at another port into use for good. It was tested
	// there within the last ten minutes, and passed.
	Replace(context.Context, Caller, DeviceUnit) (Device, error)
}

// TestCode is what a technician scans to test a scanner. It is nobody's code.
const TestCode = "TST1:CLINICGATE"

// DeviceUnit is a configured device, or another unit of its class at Port, in
// the syntax of the device's port setting. Empty: the port in use.
type DeviceUnit struct {
	ID   string `json:"id"`
	Port string `json:"port,omitempty"`
}

// DeviceAwait asks for a reading.
type DeviceAwait struct {
	DeviceUnit
	Seconds int  `json:"seconds"` // 1 to 25
	Code    bool `json:"code"`    // only TestCode will do
}

// DeviceRead is a reading without what was read.
type DeviceRead struct {
	Device
	Read      bool   `json:"read"`    // something was read in time
	Matched   bool   `json:"matched"` // and it is what the test asks for
	Kind      string `json:"kind,omitempty"`
	Verdict   string `json:"verdict,omitempty"`
	Why       string `json:"why,omitempty"` // of a verdict other than good
	Symbology string `json:"symbology,omitempty"`
	Length    int    `json:"length,omitempty"`
	Micros    int64  `json:"micros,omitempty"` // from the last byte to here
}

// DeviceTried is what a person should have noticed.
type DeviceTried struct {
	Device
	Notice string `json:"notice"` // a sentence
	Micros int64  `json:"micros"` // from the command to the device's confirmation
}

// DeviceVerdict is how a test ended. Passed is refused where the service itself
// saw no success at that unit.
type DeviceVerdict struct {
	DeviceUnit
	Passed bool `json:"passed"`
}

// DeviceTested is the record of a test.
type DeviceTested struct {
	ID       string    `json:"id"`
	Class    string    `json:"class"`
	Port     string    `json:"port"`
	Passed   bool      `json:"passed"`
	Micros   int64     `json:"micros,omitempty"`
	Firmware string    `json:"firmware,omitempty"`
	At       time.Time `json:"at"`
}

// AwaitDevice waits for a reading of a device under test.
func (c *Client) AwaitDevice(ctx context.Context, in DeviceAwait) (DeviceRead, error) {
	return call[DeviceRead](ctx, c, "devices/await", in)
}

// TryDevice has an output under test do something.
func (c *Client) TryDevice(ctx context.Context, in DeviceUnit) (DeviceTried, error) {
	return call[DeviceTried](ctx, c, "devices/try", in)
}

// JudgeDevice records how a test ended.
func (c *Client) JudgeDevice(ctx context.Context, in DeviceVerdict) (DeviceTested, error) {
	return call[DeviceTested](ctx, c, "devices/judge", in)
}

// ReplaceDevice takes a tested unit into use.
func (c *Client) ReplaceDevice(ctx context.Context, in DeviceUnit) (Device, error) {
	return call[Device](ctx, c, "devices/replace", in)
}
