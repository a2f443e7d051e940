package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests must not depend on the machine's zone files

	"clinicgate/kiosk"
	"clinicgate/kiosk/roster"
	"clinicgate/kiosk/roster/feed"

	"github.com/google/uuid"
)

// watched is a folder with a roster behind it, in memory.
type watched struct {
	*rosterFolder
	t     *testing.T
	log   bytes.Buffer
	now   time.Time
	rows  map[kiosk.AppointmentID]roster.Appointment
	gone  []kiosk.AppointmentID
	lists int
	fail  error
	said  []string // audit events
	mute  error    // why none can be written
	day   kiosk.Day
}

func watch(t *testing.T) *watched {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{t: t, now: time.Now(), day: "2026-11-23", rows: map[kiosk.AppointmentID]roster.Appointment{}}
	known := map[uuid.UUID]bool{}
	w.rosterFolder = &rosterFolder{
		clock: func() time.Time { return w.now },
		audit: func(_ context.Context, act kiosk.Act, kind kiosk.AuditType, facts kiosk.AuditFacts) error {
			if w.mute != nil {
				return w.mute
			}
			if id := act.EventID(string(kind), facts.Resource); !known[id] {
				known[id] = true
				w.said = append(w.said, fmt.Sprintf("%s %s by %s", kind, facts.Action, act.Actor))
			}
			return nil
		},
		dir: t.TempDir(), remove: os.Remove, waiting: map[string]heldFile{}, log: slog.New(slog.NewTextHandler(&w.log, nil)),
		mapping: feed.Mapping{Rules: roster.Rules{Calendar: kiosk.Calendar{Zone: zone}, Departments: []kiosk.DepartmentID{"cardiology"}}},
		window:  func() feed.Window { return daysFrom(w.day, 1) }, ready: func() error { return nil },
		held: func(_ context.Context, d kiosk.Day) (list []roster.Appointment, err error) {
			for _, a := range w.rows {
				if a.Day == d {
					list = append(list, a)
				}
			}
			return list, nil
		},
		take: func(_ context.Context, l feed.List) error {
			if w.fail != nil {
				return w.fail
			}
			w.lists++
			for _, a := range l.Appointments {
				w.rows[a.ID] = a
			}
			for _, c := range l.Cancelled {
				w.gone = append(w.gone, c.ID)
			}
			return nil
		},
	}
	return w
}

const canary = "Canary-Wanda"

func rowsOf(day string, from, to int) string {
	text := "appointment_id,patient_id,family_name,department,start,status\n"
	for i := from; i <= to; i++ {
		text += fmt.Sprintf("a-%d,M-%d,%s,cardiology,%s 09:30,\n", i, i, canary, day)
	}
	return text
}

func (w *watched) put(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// pass lets time pass in looks.
func (w *watched) pass(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(time.Second) {
		w.look(context.Background(), w.now)
	}
}

func (w *watched) files() string {
	entries, _ := os.ReadDir(w.dir)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

func (w *watched) mustRelease(text string) {
	w.t.Helper()
	if err := w.release(context.Background(), kiosk.NewAct(deskActor), []byte(text)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *watched) why() string { _, why := w.state(); return why }

func TestFolderImportsAndRemoves(t *testing.T) {
	w := watch(t)
	w.put(canary+".csv", rowsOf("2026-11-23", 1, 10)+"a-11,M-11,"+canary+",nowhere,2026-11-23 09:30,\na-12,,,,,cancelled\n")
	w.put(".hidden.csv", rowsOf("2026-11-23", 1, 10))
	w.put("growing.csv.part", rowsOf("2026-11-23", 1, 10))
	w.pass(3 * time.Second)
	if w.lists != 0 {
		t.Fatal("a file was taken while it may still grow")
	}
	w.fail = errors.New("the store is full")
	w.pass(10 * time.Second)
	if !strings.Contains(w.files(), canary) {
		t.Fatal("a file was removed before its list was durable")
	}
	w.fail = nil
	w.pass(10 * time.Second)
	if w.lists != 1 || len(w.rows) != 10 || len(w.gone) != 1 || w.files() != ".hidden.csv growing.csv.part" {
		t.Errorf("%d lists, %d rows, %d cancelled, left %q", w.lists, len(w.rows), len(w.gone), w.files())
	}
	if log := w.log.String(); strings.Contains(log, canary) || strings.Contains(log, "M-1") || !strings.Contains(log, "line=12") || !strings.Contains(log, "column=department") {
		t.Errorf("log:\n%s", log)
	}
	if w.why() != "" {
		t.Errorf("held: %s", w.why())
	}
}

func TestFolderHoldsWhatIsNotSureToBeRight(t *testing.T) {
	full := rowsOf("2026-11-23", 1, 10)
	for _, c := range []struct{ name, text, why string }{
		{"shrunk", rowsOf("2026-11-23", 1, 6), "1 shrunk"},
		{"another year", rowsOf("2025-11-23", 1, 10), "1 other-day"},
		{"half-written", full[:len(full)-20], "1 half-written"},
		{"no rows", "appointment_id,patient_id,family_name,department,start\n", "1 nothing"},
		{"another file", "invoice,total\n1,2\n", "1 unreadable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := watch(t)
			w.put("a.csv", full)
			w.pass(10 * time.Second)
			w.put("b.csv", c.text)
			w.pass(60 * time.Second)
			if w.lists != 1 || w.files() != "b.csv" || w.why() != c.why {
				t.Errorf("%d lists, left %q, held %q", w.lists, w.files(), w.why())
			}
			if n := strings.Count(w.log.String(), "held for a person"); n != 1 {
				t.Errorf("told %d times", n)
			}
			w.mustRelease("another list")
			w.pass(10 * time.Second)
			if w.files() != "b.csv" {
				t.Error("a list that nobody imported was removed")
			}
			w.mustRelease(c.text) // a person imported it
			w.pass(10 * time.Second)
			if w.files() != "" || w.why() != "" {
				t.Errorf("after an import by hand: left %q, held %q", w.files(), w.why())
			}
		})
	}
}

func TestFolderTakesAHeldFileThatWasCorrected(t *testing.T) {
	w := watch(t)
	full := rowsOf("2026-11-23", 1, 10)
	w.put("a.csv", full[:len(full)-20])
	w.pass(40 * time.Second)
	w.put("a.csv", full)
	w.pass(10 * time.Second)
	if w.lists != 1 || w.files() != "" || w.why() != "" {
		t.Errorf("%d lists, left %q, held %q", w.lists, w.files(), w.why())
	}
	w.put("open.csv", strings.TrimSuffix(full, "\n")) // no end can be seen
	w.pass(20 * time.Second)
	if w.lists != 1 {
		t.Error("an open list was believed too soon")
	}
	w.pass(20 * time.Second)
	if w.lists != 2 {
		t.Errorf("%d lists, held %q", w.lists, w.why())
	}
	w.remove = func(string) error { return os.ErrPermission }
	w.put("c.csv", full)
	w.pass(40 * time.Second)
	if w.lists != 3 || w.why() != "1 not-removed" {
		t.Errorf("a file that stays: %d lists, held %q", w.lists, w.why())
	}
	w.dir = filepath.Join(w.dir, "gone")
	w.pass(2 * time.Second)
	if files, why := w.state(); files != 0 || why == "" {
		t.Errorf("no folder: %d, %q", files, why)
	}
}
