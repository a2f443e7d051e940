package feed

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"clinicgate/kiosk"
)

// Reasons for dates and times.
const (
	reasonDate    = "is not a date in the order that the config says"
	reasonOrder   = "is a date whose order of day and month is not set in the config"
	reasonCentury = "has a year of two digits"
	reasonSerial  = "is a spreadsheet's number for a date: format the column as a date, or set serial_dates"
	reasonClock   = "has no time of day that can be read"
	reasonPartial = "is not a whole date" + without
)

// parseZoned reads a time that names its zone.
func parseZoned(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil
}

func zoned(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// dates reads dates and times of a table.
type dates struct {
	calendar kiosk.Calendar
	order    DateOrder
	serials  Serials
}

var (
	serial  = regexp.MustCompile(`^[0-9]{3,6}([.,][0-9]+)?$`)
	parts   = regexp.MustCompile(`^([0-9]{1,4})[./ -]([0-9]{1,2}|[A-Za-z]{3,9})[./ -]([0-9]{1,4})\.?$`)
	compact = regexp.MustCompile(`^[0-9]{8}$`)
	clock   = regexp.MustCompile(`^([0-9]{1,2})(?:[:.h]([0-9]{2}))?(?:[:.]([0-9]{2})(?:[.,]0+)?)?\s*([AaPp])?\.?(?:[Mm]\.?)?$`)
	bare    = regexp.MustCompile(`^[0-9]{3,4}$`)
)

// birth gives a date of birth as 2006-01-02. A year of two digits is refused: the
// century would be a guess, and the birth date tells people apart.
func (d dates) birth(s string) (text, reason string) {
	if s == "" {
		return "", ""
	}
	s, _ = cutMidnight(s)
	t, reason := d.date(s, false)
	if reason != "" {
		return "", reason
	}
	return t.Format(time.DateOnly), ""
}

// cutMidnight takes away the time of day that databases write behind a date.
func cutMidnight(s string) (date string, cut bool) {
	for _, midnight := range []string{" 00:00:00.000", " 00:00:00", " 00:00", "T00:00:00", " 0:00:00", " 0:00", " 12:00:00 AM", " 12:00 AM"} {
		if rest, ok := strings.CutSuffix(s, midnight); ok {
			return strings.TrimSpace(rest), true
		}
	}
	return s, false
}

// start gives the instant of a date and a time of day, which may stand in one cell
// or in two, in RFC 3339.
func (d dates) start(date, clockText string) (text, reason string) {
	if t, ok := parseZoned(date); ok && clockText == "" {
		return zoned(t), ""
	}
	if clockText == "" {
		if serial.MatchString(date) && strings.ContainsAny(date, ".,") {
			return d.serialStart(date)
		}
		date, clockText = cutTime(date)
	} else {
		date, _ = cutMidnight(date)
	}
	day, reason := d.date(date, true)
	if reason != "" {
		return "", reason
	}
	at, ok := d.timeOfDay(clockText)
	if !ok {
		return "", reasonClock
	}
	return zoned(d.calendar.Local(day.Add(at))), ""
}

// cutTime parts a date from the time of day behind it.
func cutTime(s string) (date, clockText string) {
	if i := strings.IndexByte(s, 'T'); i == 10 {
		return s[:i], s[i+1:]
	}
	if i := strings.IndexByte(s, ':'); i > 0 {
		if j := strings.LastIndexAny(s[:i], " ,"); j > 0 {
			return strings.TrimRight(s[:j], " ,"), s[j+1:]
		}
	}
	return s, ""
}

// date reads a date as midnight UTC. short allows a year of two digits, which is
// of this century.
func (d dates) date(s string, short bool) (time.Time, string) {
	if serial.MatchString(s) {
		days, err := strconv.Atoi(s)
		if d.serials == NoSerials || err != nil {
			return time.Time{}, reasonSerial
		}
		return d.fromSerial(days)
	}
	if compact.MatchString(s) {
		layout := map[DateOrder]string{YearFirst: "20060102", DayFirst: "02012006", MonthFirst: "01022006"}[d.order]
		if t, err := time.Parse(layout, s); err == nil {
			return t, ""
		}
		return time.Time{}, reasonDate
	}
	p := parts.FindStringSubmatch(s)
	if p == nil {
		return time.Time{}, reasonDate
	}
	year, month, day := p[3], p[2], p[1]
	switch {
	case len(p[1]) == 4:
		year, month, day = p[1], p[2], p[3]
	case monthByName(p[2]) != 0: // 23-Nov-2026 has one reading
	case d.order == YearFirst:
		return time.Time{}, reasonOrder
	case d.order == MonthFirst:
		month, day = p[1], p[2]
	}
	if len(year) == 2 && short {
		year = "20" + year
	}
	if len(year) != 4 {
		return time.Time{}, reasonCentury
	}
	y, m, dd := atoi(year), atoi(month), atoi(day)
	if named := monthByName(month); named != 0 {
		m = named
	}
	t := time.Date(y, time.Month(m), dd, 0, 0, 0, 0, time.UTC)
	if t.Year() != y || int(t.Month()) != m || t.Day() != dd || y < 1850 {
		return time.Time{}, reasonDate
	}
	return t, ""
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return -1
	}
	return n
}

// monthByName knows the English names and their first three letters.
func monthByName(s string) int {
	for m := time.January; m <= time.December; m++ {
		if strings.EqualFold(s, m.String()) || strings.EqualFold(s, m.String()[:3]) {
			return int(m)
		}
	}
	return 0
}

// fromSerial reads a spreadsheet's count of days. The days before March 1900 are
// refused: two makers number them differently, because one counts a 29 February
// 1900 that never was.
func (d dates) fromSerial(days int) (time.Time, string) {
	first := time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)
	if d.serials == Serials1904 {
		first = time.Date(1904, 1, 1, 0, 0, 0, 0, time.UTC)
	} else if days <= 60 {
		return time.Time{}, reasonDate
	}
	if t := first.AddDate(0, 0, days); t.Year() < 2201 {
		return t, ""
	}
	return time.Time{}, reasonDate
}

// serialStart reads a count of days with the time as its fraction.
func (d dates) serialStart(s string) (text, reason string) {
	if d.serials == NoSerials {
		return "", reasonSerial
	}
	whole, part, _ := strings.Cut(strings.Replace(s, ",", ".", 1), ".")
	day, reason := d.fromSerial(atoi(whole))
	at, ok := dayFraction("0." + part)
	if reason != "" || !ok {
		return "", reasonDate
	}
	return zoned(d.calendar.Local(day.Add(at))), ""
}

// dayFraction reads a part of a day, to the minute: the digits shown are fewer
// than seconds would need.
func dayFraction(s string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(strings.Replace(s, ",", ".", 1), 64)
	if err != nil || f < 0 || f >= 1 {
		return 0, false
	}
	m := time.Duration(math.Round(f*24*60)) * time.Minute
	return m, m < 24*time.Hour
}

// timeOfDay reads 9:30, 09.30, 9h30, 0930, 9:30 AM, 09:30:00, and 9 am; and a part
// of a day where numbers stand for dates.
func (d dates) timeOfDay(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	if d.serials != NoSerials && strings.HasPrefix(s, "0") && fraction.MatchString(s) && len(s) > 5 {
		return dayFraction(s)
	}
	if bare.MatchString(s) {
		s = s[:len(s)-2] + ":" + s[len(s)-2:]
	}
	p := clock.FindStringSubmatch(s)
	if p == nil || p[2] == "" && p[4] == "" {
		return 0, false
	}
	h, m, sec := atoi(p[1]), max(atoi(p[2]), 0), max(atoi(p[3]), 0)
	if p[4] != "" {
		if h < 1 || h > 12 {
			return 0, false
		}
		h %= 12
		if strings.EqualFold(p[4], "p") {
			h += 12
		}
	}
	if h > 23 || m > 59 || sec > 59 {
		return 0, false
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec)*time.Second, true
}
