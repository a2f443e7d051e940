package storage_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/uuid"

	"clinicgate/storage"
)

var images = flag.Int("images", 120, "damaged images to try in TestDamagedImages")

const childEnv = "CLINICGATE_STORAGE_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "":
		os.Exit(m.Run())
	case "images":
		judgeImages(os.Stdin, os.Stdout)
	case "verify":
		if err := storage.RunVerifyChild(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// imageJob is one damaged image for the child to open.
type imageJob struct {
	Dir    string
	What   string
	Expect map[uuid.UUID][32]byte // records on pages that were not touched
	Known  map[uuid.UUID][32]byte // all that were ever stored
	Views  map[string][][32]byte  // by group and key: all values that a row ever had, the present one last
}

// TestDamagedImages opens stores whose file was damaged in many ways. Whatever
// the damage: the process lives, no record comes back other than it was, every
// record on a page that was not touched comes back, the counts balance, and the
// store takes new events. The images are opened in a child, since a process that
// trusts a damaged mapping dies of it.
func TestDamagedImages(t *testing.T) {
	t.Parallel()
	bases := []*baseImage{makeBase(t, false), makeBase(t, true)}
	rng := rand.New(rand.NewPCG(1, uint64(*images)))
	const batch = 60
	recovered, unreadable := 0, 0
	for first := 0; first < *images; first += batch {
		var jobs []imageJob
		for i := first; i < min(first+batch, *images); i++ {
			jobs = append(jobs, bases[i%2].damage(t, rng, i))
		}
		for i, v := range runJudge(t, jobs) {
			if v.Failed != "" {
				t.Errorf("image %d, %s: %s", first+i, jobs[i].What, v.Failed)
			}
			if v.Salvaged {
				recovered++
			}
			unreadable += v.Lost
			if v.Failed == "" {
				_ = os.RemoveAll(jobs[i].Dir)
			}
		}
		if t.Failed() {
			break
		}
	}
	t.Logf("%d images: %d salvaged, %d records lost with their pages", *images, recovered, unreadable)
}

type baseImage struct {
	file   []byte // store.db up to the last page in use
	side   map[string][]byte
	older  []byte // the same store, some commits earlier
	pages  map[uint64][]uuid.UUID
	used   uint64
	bodies map[uuid.UUID][32]byte
	views  map[string][][32]byte
}

// makeBase fills a store and takes its files, closed properly or as a kill
// leaves them.
func makeBase(t *testing.T, clean bool) *baseImage {
	t.Helper()
	ctx := context.Background()
	dir := t.TempDir()
	s := open(t, options(dir))
	b := &baseImage{side: map[string][]byte{}, bodies: map[uuid.UUID][32]byte{}, views: map[string][][32]byte{}}
	rng := rand.New(rand.NewPCG(7, 7))
	take := func() []byte {
		f, err := os.ReadFile(filepath.Join(dir, "store.db"))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for i := range 160 {
		var batch []storage.Event
		for range 1 + rng.IntN(3) {
			kind, channel := "queue/PATIENT_ADDED", fmt.Sprintf("queue.dept-%d", rng.IntN(4))
			if rng.IntN(3) == 0 {
				kind, channel = "audit/AUDIT_EVENT", "audit.lobby-1"
			}
			size := 100 + rng.IntN(700)
			if rng.IntN(20) == 0 {
				size = 5000
			}
			e := event(channel, kind, fmt.Sprintf(`{"n":%d,"pad":%q}`, i, bytes.Repeat([]byte{'x'}, size)))
			b.bodies[e.ID] = sha256.Sum256(e.Body)
			batch = append(batch, e)
		}
		if err := s.Update(ctx, func(tx *storage.Tx) error {
			for _, e := range batch {
				if _, err := tx.Append(e); err != nil {
					return err
				}
			}
			return tx.PutIn("entries", []byte{byte(i % 3)}, fmt.Append(nil, i%40), batch[0].Body)
		}); err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%d/%d", i%3, i%40)
		b.views[name] = append(b.views[name], sha256.Sum256(batch[0].Body))
		if i == 120 {
			b.older = take()
		}
		if i%10 == 9 {
			for _, st := range s.Streams() {
				if err := s.Advance(ctx, st.Channel, storage.Cursor{Inc: 1, Seq: st.Next.Seq / 2}, storage.Delivered, "", uint64(i)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if clean {
		if err := s.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	b.file = take()
	for _, name := range []string{"head", "store.id"} {
		f, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		b.side[name] = f
	}
	var err error
	if b.pages, b.used, err = storage.PageRecords(filepath.Join(dir, "store.db"), testKeys()); err != nil {
		t.Fatal(err)
	}
	b.file = b.file[:b.used*4096]
	b.older = b.older[:min(len(b.older), len(b.file))]
	n := 0
	for _, ids := range b.pages {
		n += len(ids)
	}
	if n < len(b.bodies) {
		t.Fatalf("pages hold %d records of %d", n, len(b.bodies))
	}
	return b
}

// damage makes one damaged image.
func (b *baseImage) damage(t *testing.T, rng *rand.Rand, n int) imageJob {
	t.Helper()
	f := slices.Clone(b.file)
	touched := map[uint64]bool{}
	pages := uint64(len(f)) / 4096
	pick := func() uint64 { return rng.Uint64N(pages) }
	page := func(id uint64) []byte { return f[id*4096 : (id+1)*4096] }
	touch := func(id uint64) []byte { touched[id] = true; return page(id) }
	var what string
	switch kind := n % 12; kind {
	case 0, 1, 2: // the most common kinds
		at := rng.IntN(len(f))
		f[at] ^= 1 << rng.IntN(8)
		touched[uint64(at)/4096] = true
		what = fmt.Sprintf("bit flip at %d", at)
	case 3:
		id := pick()
		for range 1 + rng.IntN(40) {
			touch(id)[rng.IntN(4096)] ^= byte(1 + rng.IntN(255))
		}
		what = fmt.Sprintf("bytes changed on page %d", id)
	case 4:
		id := pick()
		clear(touch(id))
		what = fmt.Sprintf("page %d zeroed", id)
	case 5:
		id := pick()
		p := touch(id)
		for i := range p {
			p[i] = byte(rng.Uint32())
		}
		what = fmt.Sprintf("page %d full of noise", id)
	case 6:
		x, y := pick(), pick()
		px := bytes.Clone(page(x))
		copy(page(x), page(y))
		copy(page(y), px)
		// A page swapped whole is still whole, unless it is a part of a longer one.
		for _, id := range []uint64{x, y} {
			if id < 2 || b.isPart(id) {
				touched[id] = true
			}
		}
		what = fmt.Sprintf("pages %d and %d swapped", x, y)
	case 7:
		to, from := pick(), pick()
		copy(touch(to), page(from))
		what = fmt.Sprintf("page %d copied over page %d", from, to)
	case 8:
		cut := rng.IntN(len(f))
		if rng.IntN(2) == 0 {
			cut = cut / 4096 * 4096
		}
		for id := uint64(cut) / 4096; id < pages; id++ {
			touched[id] = true
		}
		f = f[:cut]
		what = fmt.Sprintf("cut to %d bytes", cut)
	case 9:
		id := rng.Uint64N(uint64(len(b.older)) / 4096)
		copy(touch(id), b.older[id*4096:(id+1)*4096])
		what = fmt.Sprintf("page %d as it was earlier", id)
	case 10:
		for id := range uint64(2) {
			p := touch(id)
			for i := range p {
				p[i] = byte(rng.Uint32())
			}
		}
		what = "both meta pages full of noise"
	case 11:
		id := pick()
		half := touch(id)[2048:]
		if rng.IntN(2) == 0 {
			half = page(id)[:2048]
		}
		clear(half)
		what = fmt.Sprintf("half of page %d torn off", id)
	}
	dir := filepath.Join(t.TempDir(), fmt.Sprintf("image-%d", n))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range b.side {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "store.db"), f, 0o600); err != nil {
		t.Fatal(err)
	}
	job := imageJob{Dir: dir, What: what, Expect: maps.Clone(b.bodies), Known: b.bodies, Views: b.views}
	for id := range touched {
		for _, r := range b.pages[id] {
			delete(job.Expect, r)
		}
	}
	return job
}

// isPart reports whether the page belongs to a leaf of several pages.
func (b *baseImage) isPart(id uint64) bool {
	for _, r := range b.pages[id] {
		if slices.Contains(b.pages[id+1], r) || slices.Contains(b.pages[id-1], r) {
			return true
		}
	}
	return false
}

// verdict is what the child says about one image.
type verdict struct {
	Failed   string
	Salvaged bool
	Lost     int
}

func runJudge(t *testing.T, jobs []imageJob) []verdict {
	t.Helper()
	var out []verdict
	for len(out) < len(jobs) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"=images")
		var in, errs bytes.Buffer
		if err := json.NewEncoder(&in).Encode(jobs[len(out):]); err != nil {
			t.Fatal(err)
		}
		cmd.Stdin, cmd.Stderr = &in, &errs
		stdout, err := cmd.Output()
		lines := bufio.NewScanner(bytes.NewReader(stdout))
		for lines.Scan() {
			var v verdict
			if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
				t.Fatalf("child says %q", lines.Text())
			}
			out = append(out, v)
		}
		if err != nil && len(out) < len(jobs) {
			out = append(out, verdict{Failed: fmt.Sprintf("child died: %v\n%.2000s", err, errs.String())})
		}
	}
	return out
}

func judgeImages(in io.Reader, out io.Writer) {
	var jobs []imageJob
	if err := json.NewDecoder(in).Decode(&jobs); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	for _, j := range jobs {
		line, _ := json.Marshal(judge(j))
		fmt.Fprintln(out, string(line))
	}
}

func judge(j imageJob) (v verdict) {
	fail := func(format string, args ...any) verdict {
		v.Failed = fmt.Sprintf(format, args...)
		return v
	}
	ctx := context.Background()
	s, opened, err := storage.Open(ctx, options(j.Dir))
	if err != nil {
		return fail("Open: %v", err)
	}
	v.Salvaged = opened.Salvaged != nil
	got := map[uuid.UUID]bool{}
	channels := []string{"audit.lobby-1"}
	for i := range 4 {
		channels = append(channels, fmt.Sprintf("queue.dept-%d", i))
	}
	for _, c := range channels {
		records, err := s.Read(ctx, c, "", storage.Cursor{}, 10_000)
		if err != nil {
			return fail("Read %s: %v", c, err)
		}
		for _, r := range records {
			if sum, ok := j.Known[r.ID]; !ok || sum != sha256.Sum256(r.Body) || r.Channel != c {
				return fail("record %s of %s is not what was stored", r.ID, c)
			}
			if got[r.ID] {
				return fail("record %s is there twice", r.ID)
			}
			got[r.ID] = true
		}
	}
	v.Lost = len(j.Known) - len(got)
	missing := 0
	for id := range j.Expect {
		if !got[id] {
			missing++
		}
	}
	if missing > 0 {
		return fail("%d records on sound pages did not come back (salvaged: %+v)", missing, opened.Salvaged)
	}
	err = s.View(ctx, func(r *storage.Reader) error {
		for name, values := range j.Views {
			var group, key int
			_, _ = fmt.Sscanf(name, "%d/%d", &group, &key)
			v, err := r.GetIn("entries", []byte{byte(group)}, fmt.Append(nil, key))
			if err != nil {
				return err
			}
			present := v != nil && values[len(values)-1] == sha256.Sum256(v)
			if !present && (opened.Salvaged == nil || !opened.Salvaged.Views) {
				return fmt.Errorf("row %s is not the present one, and nobody says so", name)
			}
			if v != nil && !slices.Contains(values, sha256.Sum256(v)) {
				return fmt.Errorf("row %s never was that", name)
			}
		}
		return nil
	})
	if err != nil {
		return fail("View: %v (salvaged: %+v)", err, opened.Salvaged)
	}
	e := event("queue.dept-0", "queue/PATIENT_ADDED", "{}")
	if _, err := s.Append(ctx, e); err != nil {
		return fail("Append: %v", err)
	}
	for _, st := range s.Streams() {
		for {
			records, err := s.Outbox(ctx, st.Channel, 64, 0)
			if err != nil {
				return fail("Outbox %s: %v", st.Channel, err)
			}
			if len(records) == 0 {
				break
			}
			last := records[len(records)-1]
			if err := s.Advance(ctx, st.Channel, storage.Cursor{Inc: last.Inc, Seq: last.Seq}, storage.Delivered, "", 1); err != nil {
				return fail("Advance %s: %v", st.Channel, err)
			}
		}
	}
	if st := s.Status(); !st.Balanced() || st.Queued != 0 {
		return fail("after draining: %+v", st)
	}
	// What was lost is said in the audit log itself, so that it verifies.
	// Without a salvage nobody has said so yet, and it is named as missing.
	if a, err := s.VerifyAudit(ctx, nil); err != nil || opened.Salvaged != nil && !a.OK() {
		return fail("audit log: %v, %+v (salvaged: %+v)", err, a, opened.Salvaged)
	}
	if err := s.Close(ctx); err != nil {
		return fail("Close: %v", err)
	}
	report, err := storage.Check(ctx, storage.CheckOptions{Path: filepath.Join(j.Dir, "store.db"), Keys: testKeys(), Full: true})
	if err != nil || !report.OK || len(report.Miscounted) > 0 || !report.Clean {
		return fail("Check: %v, %+v", err, report)
	}
	return v
}
