package pubnub

import (
	"errors"
	"strconv"
	"time"
)

// Timetoken is PubNub's clock reading and message position: 100-nanosecond
// ticks since the Unix epoch, given by the service. 0 means none.
type Timetoken int64

var errTimetoken = errors.New("not a timetoken")

// ParseTimetoken reads 1 to 18 decimal digits.
func ParseTimetoken(s string) (Timetoken, error) {
	if len(s) == 0 || len(s) > 18 {
		return 0, errTimetoken
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, errTimetoken
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, errTimetoken
	}
	return Timetoken(n), nil
}

// TimetokenAt gives the timetoken of t.
func TimetokenAt(t time.Time) Timetoken {
	return Timetoken(t.Unix()*1e7 + int64(t.Nanosecond())/100)
}

// Time gives the moment in UTC.
func (t Timetoken) Time() time.Time {
	return time.Unix(int64(t)/1e7, int64(t)%1e7*100).UTC()
}

// Add moves the timetoken by d, but not below 0.
func (t Timetoken) Add(d time.Duration) Timetoken {
	return max(0, t+Timetoken(d/100))
}

// String gives the decimal digits.
func (t Timetoken) String() string { return strconv.FormatInt(int64(t), 10) }

// UnmarshalJSON takes a string of digits, or the bare number that /time and
// some histories send. null leaves 0.
func (t *Timetoken) UnmarshalJSON(b []byte) error {
	s := string(b)
	if s == "null" {
		return nil
	}
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	parsed, err := ParseTimetoken(s)
	if err != nil {
		return err
	}
	*t = parsed
	return nil
}
