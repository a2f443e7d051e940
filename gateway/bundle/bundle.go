package bundle

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/storage"
)

// Limits of a bundle, in bytes.
const (
	MaxSize = 10 << 20
	MaxLog  = 2 << 20 // of the newest lines
	maxPart = 8 << 20 // of one section, before it is compressed
)

// Bundle is everything that may be in the file. A member that is nil is left out.
type Bundle struct {
	About    About
	Checks   []doctor.Report
	Config   []config.Shared
	Metrics  []byte // an exposed page: its labels are closed sets
	Log      Lines  // of the log's files
	Recent   Lines  // of the service's memory
	Sync     *control.SyncStatus
	Devices  []control.Device
	Store    *storage.Report
	Routines []byte // stacks of goroutines, without values
	Heap     []byte // a heap profile: places in the program and sizes
}

// About says what the bundle is.
type About struct {
	Version   int       `json:"version"` // of this form: 1
	Made      time.Time `json:"made"`
	By        string    `json:"by"` // the account
	Kiosk     string    `json:"kiosk"`
	Site      string    `json:"site"`
	Build     string    `json:"build"`
	Go        string    `json:"go"`
	Platform  string    `json:"platform"`
	Kernel    string    `json:"kernel,omitempty"`
	Running   bool      `json:"running"` // the service did, and made this
	Started   time.Time `json:"started,omitzero"`
	Searched  int       `json:"searched"` // people whose particulars were looked for
	Missing   []string  `json:"missing"`  // sections that could not be made, and why
	LeftOut   []string  `json:"leftOut"`  // sections that the caller did not want
	Shortened []string  `json:"shortened"`
}

// Lines are lines of our own log.
type Lines []string

// Found says that a section holds what must not be in it.
type Found struct {
	Section string
	Kind    Kind
}

func (f *Found) Error() string {
	return fmt.Sprintf("the bundle was not written: %s may hold %s", f.Section, f.Kind)
}

// Hint tells what to do.
func (f *Found) Hint() string {
	return "`clinicgate bundle --without " + f.Section + "` leaves it out; report this with the version from `clinicgate version`, without the section"
}

// Sections are the names of what a bundle may hold, but for about.json.
func Sections() []string {
	return []string{"checks.json", "config.json", "metrics.txt", "log.txt", "recent.txt", "sync.json", "devices.json", "store.json", "goroutines.txt", "heap.txt"}
}

type section struct {
	name string
	text []byte
}

// Zip writes the bundle, without the sections named. known adds all that must not be
// in it; where it cannot, nothing is written. Zip gives *Found where a section holds
// a canary.
func (b Bundle) Zip(known func(*Canaries) error, without []string) ([]byte, error) {
	b.About.LeftOut = append([]string{}, without...)
	if b.About.Missing == nil {
		b.About.Missing = []string{}
	}
	b.About.Shortened = []string{}
	for _, name := range without {
		if !slices.Contains(Sections(), name) {
			return nil, fmt.Errorf("a bundle has no section %q, but %s", name, strings.Join(Sections(), ", "))
		}
	}
	list, err := b.sections()
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(s section) bool { return slices.Contains(without, s.name) })
	for i, s := range list {
		if len(s.text) > maxPart {
			list[i].text = nil
			b.About.Shortened = append(b.About.Shortened, s.name)
		}
	}
	about, err := asJSON(b.About)
	if err != nil {
		return nil, err
	}
	list = append([]section{{"about.json", about}}, list...)
	c := newCanaries(b.About.Made, list)
	if err := known(c); err != nil {
		return nil, err
	}
	if found := c.result(); found != nil {
		return nil, found
	}
	b.About.Searched = c.people // all that is told after the search
	if list[0].text, err = asJSON(b.About); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, s := range list {
		w, err := z.CreateHeader(&zip.FileHeader{Name: s.name, Method: zip.Deflate, Modified: b.About.Made})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(s.text); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	if out.Len() > MaxSize {
		return nil, errors.New("the bundle would have more than 10 MB; leave out a section with --without")
	}
	return out.Bytes(), nil
}

func (b Bundle) sections() (list []section, err error) {
	for _, s := range []struct {
		name  string
		there bool
		value any
	}{
		{"checks.json", b.Checks != nil, b.Checks}, {"config.json", b.Config != nil, b.Config}, {"sync.json", b.Sync != nil, b.Sync},
		{"devices.json", b.Devices != nil, b.Devices}, {"store.json", b.Store != nil, b.Store},
	} {
		if s.there {
			text, err := asJSON(s.value)
			if err != nil {
				return nil, err
			}
			list = append(list, section{s.name, text})
		}
	}
	for _, s := range []section{{"metrics.txt", b.Metrics}, {"log.txt", b.Log.text()}, {"recent.txt", b.Recent.text()}, {"goroutines.txt", b.Routines}, {"heap.txt", b.Heap}} {
		if s.text != nil {
			list = append(list, s)
		}
	}
	return list, nil
}

func asJSON(v any) ([]byte, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("cannot write a section: %w", err)
	}
	return append(text, '\n'), nil
}

// text is the newest lines. What does not begin as our lines do did not come from
// this program.
func (l Lines) text() []byte {
	if l == nil {
		return nil
	}
	var b bytes.Buffer
	size, from := 0, len(l)
	for from > 0 && size+len(l[from-1])+1 <= MaxLog {
		from--
		size += len(l[from]) + 1
	}
	for _, line := range l[from:] {
		if !strings.HasPrefix(line, "time=") {
			line = "[a line of another program]"
		}
		b.WriteString(line + "\n")
	}
	return b.Bytes()
}
