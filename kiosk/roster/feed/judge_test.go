package feed_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/kiosk"
	"clinicgate/kiosk/phi"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/roster/feed"
)

func rows(day kiosk.Day, from, to int) []roster.Appointment {
	var out []roster.Appointment
	for i := from; i < to; i++ {
		out = append(out, roster.Appointment{ID: kiosk.AppointmentID(fmt.Sprint("a-", i)), Day: day})
	}
	return out
}

func TestJudge(t *testing.T) {
	const yesterday, today, tomorrow = kiosk.Day("2026-11-22"), kiosk.Day("2026-11-23"), kiosk.Day("2026-11-24")
	held := func(d kiosk.Day) ([]roster.Appointment, error) {
		switch d {
		case today:
			return rows(today, 0, 10), nil
		case tomorrow:
			return rows(tomorrow, 100, 110), nil
		}
		return nil, nil
	}
	of := func(department kiosk.DepartmentID, list []roster.Appointment) []roster.Appointment {
		for i := range list {
			list[i].Department = department
		}
		return list
	}
	ids := func(day kiosk.Day, ids ...kiosk.AppointmentID) (out []feed.Cancelled) {
		for _, id := range ids {
			out = append(out, feed.Cancelled{ID: id, Day: day})
		}
		return out
	}
	whole := func(appointments []roster.Appointment, cancelled ...feed.Cancelled) feed.List {
		return feed.List{Whole: true, Ending: feed.Ended, Appointments: appointments, Cancelled: cancelled}
	}
	for _, c := range []struct {
		name string
		list feed.List
		want feed.Hold
	}{
		{"all are there", whole(rows(today, 0, 10)), feed.Free},
		{"more", whole(rows(today, 0, 30)), feed.Free},
		{"30 % lost", whole(rows(today, 3, 10)), feed.Free},
		{"40 % lost", whole(rows(today, 4, 10)), feed.Shrunk},
		{"40 % lost, others new", whole(rows(today, 4, 30)), feed.Shrunk},
		{"40 % cancelled", whole(rows(today, 4, 10), ids(today, "a-0", "a-1", "a-2", "a-3")...), feed.Free},
		{"40 % cancelled without a day", whole(rows(today, 4, 10), ids("", "a-0", "a-1", "a-2", "a-3")...), feed.Free},
		{"moved to another day", whole(append(rows(today, 4, 10), rows(tomorrow, 0, 4)...)), feed.Shrunk}, // tomorrow's are missing
		{"moved, tomorrow too", whole(append(append(rows(today, 4, 10), rows(tomorrow, 0, 4)...), rows(tomorrow, 100, 110)...)), feed.Free},
		{"another day shrank", whole(append(rows(today, 0, 10), rows(tomorrow, 105, 110)...)), feed.Shrunk},
		{"another department's file", whole(of("radiology", rows(today, 200, 203))), feed.Free},
		{"tomorrow's", whole(rows(tomorrow, 100, 110)), feed.Free},
		{"yesterday's", whole(rows(yesterday, 0, 10)), feed.OtherDay},
		{"next week's", whole(rows("2026-11-30", 0, 10)), feed.OtherDay},
		{"messages of few", feed.List{Ending: feed.Ended, Appointments: rows(today, 0, 1)}, feed.Free},
		{"messages of another day", feed.List{Ending: feed.Ended, Appointments: rows(yesterday, 0, 1)}, feed.OtherDay},
		{"cancellations that name no day", feed.List{Ending: feed.Ended, Cancelled: ids("", "a-1")}, feed.Free},
		{"half-written", feed.List{Whole: true, Ending: feed.Cut, Appointments: rows(today, 0, 10)}, feed.HalfWritten},
		{"nothing", whole(nil), feed.Nothing},
	} {
		if got, err := feed.Judge(c.list, feed.Window{First: today, Last: tomorrow}, held); got != c.want || err != nil {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
	}
	broken := errors.New("broken")
	if _, err := feed.Judge(whole(rows(today, 0, 1)), feed.Window{First: today, Last: today}, func(kiosk.Day) ([]roster.Appointment, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Errorf("a roster that cannot be read: %v", err)
	}
}

func TestSteady(t *testing.T) {
	path := filepath.Join(t.TempDir(), "list.csv")
	write := func(text string, modified time.Time) fs.FileInfo {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chtimes(path, modified, modified)); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	var s feed.Steady
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	old := now.Add(-24 * time.Hour)
	for i, c := range []struct {
		text     string
		modified time.Time
		want     time.Duration
	}{
		{"a", old, 0}, // an old time of change proves nothing: a copy may keep it and still grow
		{"a", old, time.Second},
		{"a", old, 2 * time.Second},
		{"ab", old, 0},
		{"ab", old, time.Second},
		{"ac", old.Add(time.Second), 0},
		{"ac", old.Add(time.Second), time.Second},
	} {
		if got := s.Look("list.csv", write(c.text, c.modified), now); got != c.want {
			t.Errorf("look %d: steady for %v, want %v", i+1, got, c.want)
		}
		now = now.Add(time.Second)
	}
	s.Forget("list.csv")
	if got := s.Look("list.csv", write("ac", old), now); got != 0 {
		t.Errorf("a forgotten file is steady for %v", got)
	}
	// A flood of names does not fill the memory, and a name among them works on.
	info := write("ac", old)
	for i := range 5000 {
		s.Look(fmt.Sprint(i), info, now)
	}
	if got := s.Look("4999", info, now.Add(time.Minute)); got != time.Minute {
		t.Errorf("the last of many is steady for %v", got)
	}
}

func TestEndings(t *testing.T) {
	ended, ok := feed.Ended.Needs()
	open, also := feed.Open.Needs()
	if _, cut := feed.Cut.Needs(); !ok || !also || cut || ended <= 0 || open <= ended {
		t.Errorf("ended %v, open %v, cut %v", ended, open, cut)
	}
}

func TestPreviewMasks(t *testing.T) {
	day := time.Date(2026, 11, 23, 14, 30, 0, 0, time.UTC)
	a := roster.Appointment{ID: "a-1", PatientID: phi.New("MRN-7"), Family: phi.New("Bartholomew-Fictional"), Given: phi.New("Ann"), Native: phi.New("李小龙"), Birth: phi.New("1980-02-29"),
		Department: "cardiology", Start: day, Day: "2026-11-23", Mode: kiosk.Video, PhoneLast2: phi.New("42"), Code: phi.New("KV7712"), Language: "es"}
	list := feed.List{Format: feed.CSV, Ending: feed.Open, Appointments: []roster.Appointment{a},
		Cancelled: []feed.Cancelled{{ID: "a-2"}, {ID: "a-3", Day: "2026-11-23", NoShow: true}}, Problems: []roster.Problem{{Line: 3, Column: "start", Reason: "is empty"}}, Refused: 1}
	var out bytes.Buffer
	if err := feed.Preview(&out, list, calendar().Zone); err != nil {
		t.Fatal(err)
	}
	want := `csv, open: 1 appointments, 2 cancelled, 1 left out
a-1  2026-11-23 09:30 -0500  cardiology anyone  video  B********, A** / 李**  birth  phone  code  es
a-2  day unknown  cancelled
a-3  2026-11-23  no-show
line 3, start: is empty
`
	if out.String() != want {
		t.Errorf("preview:\n%s\nwant:\n%s", &out, want)
	}
	for _, secret := range []string{"MRN", "Barth", "Ann", "1980", "42", "KV", "小", "龙"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("the preview shows %q", secret)
		}
	}
}
