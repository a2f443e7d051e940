package keyring

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// Timetoken is a moment as PubNub writes it: units of 100 ns since 1970, 17
// decimal digits today. In JSON it is a string, since it passes 2^53; a plain
// number is read too.
type Timetoken uint64

// TimetokenOf converts a time.
func TimetokenOf(t time.Time) Timetoken {
	if t.Before(time.Unix(0, 0)) {
		return 0
	}
	return Timetoken(t.Unix())*1e7 + Timetoken(t.Nanosecond()/100)
}

// Time converts to a time in UTC.
func (t Timetoken) Time() time.Time {
	return time.Unix(int64(t/1e7), int64(t%1e7)*100).UTC()
}

// MarshalJSON gives a string of decimal digits.
func (t Timetoken) MarshalJSON() ([]byte, error) {
	return strconv.AppendQuote(nil, strconv.FormatUint(uint64(t), 10)), nil
}

// UnmarshalJSON reads a string of decimal digits or a number; an empty string
// is 0.
func (t *Timetoken) UnmarshalJSON(b []byte) error {
	text := string(bytes.Trim(b, `"`))
	if text == "" || text == "null" {
		*t = 0
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return fmt.Errorf("timetoken %.40s: want decimal digits", b)
	}
	*t = Timetoken(n)
	return nil
}
