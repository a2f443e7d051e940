package logging

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/kiosk/phi"
)

// screen is standard error that a test can read.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func shut(t *testing.T, l *Log) {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

type person struct{ Name string }

// What is not known how to print is not printed, and what has the form of a secret
// is cut out.
func TestNothingSecretIsPrinted(t *testing.T) {
	var out screen
	l := Open(Options{Stderr: &out})
	log := l.Logger().With("component", "page", "who", phi.New("Maria Canary"))
	log.WithGroup("g").Info("tried sec-c-Canary1", "key", []byte("canary"), "struct", person{"canary"}, "pointer", &person{"canary"},
		"map", map[string]string{"canary": "canary"}, "address", netip.MustParseAddr("127.0.0.1"), slog.Group("in", "n", 7))
	log.Error("failed", "error", fmt.Errorf("GET https://ana:canaryword@proxy.example/x?auth=canarytoken&n=1 with qEF2AkF0GmFLd-NDdHRsGQWgQ3Jlc6VEY2hhbqFjY2FuYXJ5: %w", errors.New("refused")))
	log.Info("two\nlines", "", "no key", "nil", (*phi.Text)(nil))
	shut(t, l)
	for _, word := range []string{"anary", "qEF2"} {
		if strings.Contains(out.String(), word) {
			t.Errorf("%q was printed:\n%s", word, out.String())
		}
	}
	for _, want := range []string{`component=page msg="tried [redacted]" who=[phi] g.key=[[]uint8] g.struct=[logging.person]`, `g.address=127.0.0.1 g.in.n=7`,
		`https://[redacted]@proxy.example/x?auth=[redacted]&n=1 with [redacted]: refused`, `msg="two\nlines"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

// An error takes along what only memory had, once.
func TestErrorsTakeDebugLinesAlong(t *testing.T) {
	var out screen
	l := Open(Options{Stderr: &out, Level: slog.LevelWarn})
	log := l.Logger()
	for i := range dumpLines + 50 {
		log.Debug(fmt.Sprintf("step %d", i))
	}
	log.Error("first")
	log.Debug("between")
	log.Error("second")
	shut(t, l)
	text := out.String()
	if n := strings.Count(text, "earlier=true"); n != dumpLines {
		t.Errorf("%d lines taken along, want %d", n, dumpLines)
	}
	if strings.Contains(text, `"step 49"`) || !strings.Contains(text, `"step 50"`) || strings.Contains(text, "between") {
		t.Errorf("the wrong lines were taken along:\n%s", text)
	}
	if strings.Index(text, "msg=first") < strings.Index(text, `"step 249"`) {
		t.Error("the error stands before what led to it")
	}
}

// A line that comes again and again is written a few times and then counted; the
// others are not held up.
func TestRepeatsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		l := Open(Options{Stderr: &out})
		log := l.Logger()
		for i := range 1000 {
			log.Warn("again", "n", i)
		}
		log.Warn("other")
		time.Sleep(repeatSpan)
		log.Warn("again", "n", 1000)
		shut(t, l)
		text := out.String()
		if n := strings.Count(text, "msg=again"); n != repeatLines+2 || !strings.Contains(text, "n=999 repeated=980") || !strings.Contains(text, "msg=other") {
			t.Errorf("%d lines:\n%s", n, text)
		}
	})
}

// A level is of one component, and goes back by itself.
func TestLevels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		l := Open(Options{Stderr: &out})
		uplink, page := l.Logger().With("component", "uplink"), l.Logger().With("component", "page")
		if got := fmt.Sprint(l.Components()); got != "[gateway page uplink]" { // before they have logged anything
			t.Error(got)
		}
		l.SetLevel("uplink", slog.LevelDebug, time.Hour)
		l.SetLevel("uplink", slog.LevelDebug, 30*time.Minute) // replaces the first and its time
		uplink.Debug("seen")
		page.Debug("unseen")
		if got := fmt.Sprint(l.Levels(), l.Components()); !strings.Contains(got, "uplink DEBUG") || !strings.Contains(got, "[gateway page uplink]") {
			t.Error(got)
		}
		time.Sleep(31 * time.Minute)
		uplink.Debug("unseen")
		l.SetLevel("", slog.LevelError, 0)
		page.Info("unseen")
		shut(t, l)
		if text := out.String(); strings.Contains(text, "unseen") || strings.Count(text, "seen") != 1 {
			t.Error(text)
		}
	})
}

// stuck takes no line until it is let go.
type stuck struct{ free chan struct{} }

func (s stuck) Write(p []byte) (int, error) { <-s.free; return len(p), nil }

// A log that cannot be written delays nobody.
func TestStuckLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		l := Open(Options{Stderr: stuck{free}})
		begin := time.Now()
		for i := range 5000 {
			l.Logger().Info(fmt.Sprint("line ", i))
		}
		if time.Since(begin) != 0 {
			t.Error("logging waited")
		}
		if l.Close() == nil {
			t.Error("Close says that everything was written")
		}
		close(free)
	})
}

// The ring is bounded, tells what is new, and wakes who waits.
func TestTail(t *testing.T) {
	l := Open(Options{})
	defer shut(t, l)
	for i := range 3 * ringLines {
		l.Logger().With("component", "store").Info(fmt.Sprint("line ", i), "filler", strings.Repeat("x", 500))
	}
	l.Logger().Debug("last")
	all, next, _ := l.Tail(Query{Limit: 1 << 20, Level: slog.LevelDebug})
	if len(all) < 100 || len(all) > ringLines || l.ring.bytes > ringBytes || all[len(all)-1].Message != "last" || all[len(all)-1].Seq != next {
		t.Errorf("%d lines, %d bytes", len(all), l.ring.bytes)
	}
	if some, _, _ := l.Tail(Query{Limit: 3, Component: "store"}); len(some) != 3 || some[2].Message != fmt.Sprint("line ", 3*ringLines-1) {
		t.Errorf("%v", some)
	}
	none, _, news := l.Tail(Query{After: next, Limit: 10, Level: slog.LevelDebug})
	l.Logger().Debug("more")
	<-news
	if more, _, _ := l.Tail(Query{After: next, Limit: 10, Level: slog.LevelDebug}); len(none) != 0 || len(more) != 1 || more[0].Message != "more" {
		t.Errorf("%v, %v", none, more)
	}
}

// The file and those before it are bounded, over restarts too.
func TestFileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.log")
	for range 2 {
		f := &file{path: path, limit: 10_000, keep: 2}
		for i := range 500 {
			if err := f.write(Entry{Message: fmt.Sprint("line ", i)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.close(); err != nil {
			t.Fatal(err)
		}
	}
	list := Files(path, 5)
	if len(list) != 3 || list[2] != path {
		t.Errorf("files %q", list)
	}
	for _, p := range list {
		if info, err := os.Stat(p); err != nil || info.Size() > 10_000 || info.Size() == 0 {
			t.Errorf("%s: %v, %v", p, info, err)
		}
	}
}

// A file that was renamed by others is begun again under its name; one that cannot
// be renamed does not grow without end.
func TestFileAndOthers(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gate.log")
	f := &file{path: path, limit: 10_000, keep: 1}
	write := func(m string) {
		t.Helper()
		if err := f.write(Entry{Message: m}); err != nil {
			t.Fatal(err)
		}
	}
	write("first")
	if err := os.Rename(path, path+".theirs"); err != nil {
		t.Fatal(err)
	}
	f.looked = time.Time{} // a second later
	write("two")
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "two") || strings.Contains(string(text), "first") {
		t.Errorf("%q, %v", text, err)
	}
	if err := os.Mkdir(path+".1", 0o700); err != nil { // no rename onto a folder that holds something
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path+".1", "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for i := range 2000 {
		write(fmt.Sprint("line ", i))
		if info, err := os.Stat(path); err == nil && info.Size() > 3*f.limit {
			t.Fatalf("it grew to %d bytes", info.Size())
		}
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
}

// A file that cannot be renamed, as while others hold it on Windows, costs none of
// those before it.
func TestFileHeldByOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gate.log")
	for _, n := range []string{".1", ".2"} {
		if err := os.WriteFile(path+n, []byte("older"+n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(path+".0", "x"), 0o700); err != nil { // no rename onto it
		t.Fatal(err)
	}
	f := &file{path: path, limit: 1000, keep: 2}
	for i := range 50 {
		if err := f.write(Entry{Message: fmt.Sprint("line ", i)}); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range []string{".1", ".2"} {
		if text, err := os.ReadFile(path + n); err != nil || string(text) != "older"+n {
			t.Errorf("%s: %q, %v", n, text, err)
		}
	}
	if err := os.RemoveAll(path + ".0"); err != nil {
		t.Fatal(err)
	}
	if err := f.write(Entry{Message: "let go"}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path + ".2"); err != nil || string(text) != "older.1" {
		t.Errorf("%q, %v", text, err)
	}
	if err := f.close(); err != nil {
		t.Fatal(err)
	}
}

// What the file does not take goes to standard error, and the trouble is told; when
// the file takes lines again it is over.
func TestFileThatCannotBeWritten(t *testing.T) {
	var out screen
	path := filepath.Join(t.TempDir(), "missing", "gate.log")
	l := Open(Options{Stderr: &out, File: path, Size: 1 << 20, Keep: 1})
	l.Logger().Info("kept")
	shut(t, l)
	if !strings.Contains(out.String(), "kept") || l.Trouble() == nil {
		t.Errorf("%q, %v", out.String(), l.Trouble())
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l = Open(Options{Stderr: &out, File: path, Size: 1 << 20, Keep: 1})
	l.Logger().Info("in the file")
	shut(t, l)
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "in the file") || strings.Contains(out.String(), "in the file") || l.Trouble() != nil {
		t.Errorf("%q, %v, %v", text, err, l.Trouble())
	}
}
