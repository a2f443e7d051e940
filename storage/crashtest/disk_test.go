package crashtest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// every lays down each state that a power cut may leave and gives what it reads
// there: "name=content" for each file, sorted.
func every(t *testing.T, d *disk) map[string]bool {
	t.Helper()
	c := cutter{d: d, rnd: newRand(1), draws: 64}
	out := map[string]bool{}
	c.states(func(put func(dir string) error) bool {
		dir := t.TempDir()
		if err := put(dir); err != nil {
			t.Fatal(err)
		}
		files, err := readFiles(dir)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for name, b := range files {
			if b != nil {
				all = append(all, name+"="+string(bytes.TrimRight(b, "\x00")))
			}
		}
		slices.Sort(all)
		out[strings.Join(all, " ")] = true
		return true
	})
	return out
}

func do(t *testing.T, d *disk, calls ...Call) {
	t.Helper()
	for i := range calls {
		if err := d.do(&calls[i], len(d.names)+100+i); err != nil {
			t.Fatal(err)
		}
	}
}

func wantStates(t *testing.T, got map[string]bool, states ...string) {
	t.Helper()
	for _, s := range states {
		if !got[s] {
			t.Errorf("state %q is missing in %q", s, sortedNames(got))
		}
	}
	if len(got) != len(states) {
		t.Errorf("%d states, want %d: %q", len(got), len(states), sortedNames(got))
	}
}

func sortedNames(states map[string]bool) []string { return slices.Sorted(maps.Keys(states)) }

func TestDiskNamesNeedTheirDirectory(t *testing.T) {
	d := newDisk(map[string][]byte{"a": []byte("old")})
	do(t, d,
		Call{What: Creates, Path: "a.new"}, Call{What: Writes, Path: "a.new", Data: []byte("new")},
		Call{What: Syncs, Path: "a.new"}, Call{What: Renames, Path: "a.new", To: "a"})
	wantStates(t, every(t, d), "a=old", "a=new", "a.new=new a=old")
	do(t, d, Call{What: Syncs, Path: "."})
	wantStates(t, every(t, d), "a=new")
}

func TestDiskRenameBeforeSyncMayGiveAnEmptyFile(t *testing.T) {
	d := newDisk(map[string][]byte{"a": []byte("old")})
	do(t, d,
		Call{What: Creates, Path: "a.new"}, Call{What: Writes, Path: "a.new", Data: []byte("new")},
		Call{What: Renames, Path: "a.new", To: "a"}, Call{What: Syncs, Path: "."})
	got := every(t, d)
	if !got["a="] || !got["a=new"] || got["a=old"] {
		t.Errorf("states %q", sortedNames(got))
	}
}

func TestDiskMovesBetweenDirectories(t *testing.T) {
	d := newDisk(map[string][]byte{"a": []byte("x"), "sub": nil})
	do(t, d, Call{What: Renames, Path: "a", To: "sub/b"}, Call{What: Syncs, Path: "."})
	wantStates(t, every(t, d), "a=x", "sub/b=x") // both must be synced
	do(t, d, Call{What: Syncs, Path: "sub"})
	wantStates(t, every(t, d), "sub/b=x")
	do(t, d, Call{What: Removes, Path: "sub/b"})
	wantStates(t, every(t, d), "", "sub/b=x")
}

// TestDiskFailedSync: after a sync that failed, no later one makes the page
// certain, until it is written again.
func TestDiskFailedSync(t *testing.T) {
	d := newDisk(map[string][]byte{"f": bytes.Repeat([]byte("0"), 100)})
	content := func(c string) string { return "f=" + strings.Repeat(c, 100) }
	write := func(c string) Call {
		return Call{What: Writes, Path: "f", Data: bytes.Repeat([]byte(c), 100)}
	}
	sync := Call{What: Syncs, Path: "f"}
	do(t, d, write("1"), Call{What: Syncs, Path: "f", Failed: true}, sync)
	got := every(t, d)
	if !got[content("0")] || !got[content("1")] {
		t.Errorf("after a sync that failed: %q", sortedNames(got))
	}
	do(t, d, write("2"), sync)
	wantStates(t, every(t, d), content("2"))
}

func TestDiskTearsAtSectors(t *testing.T) {
	d := newDisk(map[string][]byte{"f": bytes.Repeat([]byte("0"), pageSize)})
	do(t, d, Call{What: Writes, Path: "f", Data: bytes.Repeat([]byte("1"), pageSize)})
	torn := 0
	for s := range every(t, d) {
		s = strings.TrimPrefix(s, "f=")
		if len(s) != pageSize {
			t.Fatalf("%d bytes", len(s))
		}
		if strings.Trim(s, "0") != "" && strings.Trim(s, "1") != "" {
			torn++
		}
	}
	if torn < 3 {
		t.Errorf("%d torn states", torn)
	}
}

// TestDiskTriesAllCombinations of up to six changes.
func TestDiskTriesAllCombinations(t *testing.T) {
	for n := 1; n <= exhaustive+1; n++ {
		d := newDisk(map[string][]byte{"f": bytes.Repeat([]byte("."), 8*pageSize)})
		for i := range n {
			do(t, d, Call{What: Writes, Path: "f", Off: int64(i) * pageSize, Data: []byte{byte('a' + i)}})
		}
		got := map[string]bool{}
		for s := range every(t, d) {
			key := ""
			for i := range n {
				key += s[2+i*pageSize:][:1]
			}
			got[key] = true
		}
		if all := 1 << n; n <= exhaustive && len(got) != all || n > exhaustive && (len(got) < 40 || len(got) >= all) {
			t.Errorf("%d changes: %d combinations", n, len(got))
		}
	}
}

func TestReadTrace(t *testing.T) {
	hex := func(s string) string {
		out := ""
		for _, c := range []byte(s) {
			out += fmt.Sprintf(`\x%02x`, c)
		}
		return out
	}
	root := "/d/data"
	file := func(fd int, name string) string { return fmt.Sprintf("%d<%s>", fd, hex(root+"/"+name)) }
	q := func(s string) string { return `"` + hex(s) + `"` }
	lines := []string{
		`7 openat(AT_FDCWD<` + hex("/d") + `>, ` + q(root+"/a.new") + `, O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0600) = ` + file(4, "a.new"),
		`7 write(` + file(4, "a.new") + `, ` + q("he") + `, 2) = 2`,
		`7 write(` + file(4, "a.new") + `, ` + q("llo") + `, 3) = 3`,
		`8 pwrite64(5<` + hex("/elsewhere") + `>, ` + q("x") + `, 1, 0) = 1`,
		`8 fdatasync(` + file(6, "store.db") + ` <unfinished ...>`,
		`7 renameat(AT_FDCWD<` + hex("/d") + `>, ` + q(root+"/a.new") + `, AT_FDCWD<` + hex("/d") + `>, ` + q(root+"/a") + `) = 0`,
		`8 <... fdatasync resumed>) = -1 EIO (Input/output error) (INJECTED)`,
		`7 write(1<` + hex("pipe:[1]") + `>, ` + q("a 1\n") + `, 4) = 4`,
		`8 pwrite64(` + file(6, "store.db") + `, ` + q("page") + `, 4, 8192 <unfinished ...>`,
		`7 unlinkat(AT_FDCWD<` + hex("/d") + `>, ` + q(root+"/b") + `, 0) = -1 ENOENT (No such file or directory)`,
		`8 <... pwrite64 resumed>) = 4`,
		`7 +++ exited with 0 +++`,
		`8  ???( <detached ...>`,
	}
	calls, err := ReadTrace(strings.NewReader(strings.Join(lines, "\n")+"\n"), root, []string{"store.db"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range calls {
		got = append(got, fmt.Sprintf("%d %s %d %s %s %d %q %v %v", c.What, c.Name, c.Index, c.Path, c.To, c.Off, c.Data, c.Failed, c.Lie))
	}
	expect := []string{
		fmt.Sprintf(`%d openat 1 a.new  0 "" false false`, Creates),
		fmt.Sprintf(`%d write 1 a.new  0 "he" false false`, Writes),
		fmt.Sprintf(`%d write 2 a.new  2 "llo" false false`, Writes),
		fmt.Sprintf(`%d renameat 1 a.new a 0 "" false false`, Renames),
		fmt.Sprintf(`%d fdatasync 1 store.db  0 "" true true`, Syncs),
		fmt.Sprintf(`%d write 3   0 "a 1\n" false false`, Says),
		fmt.Sprintf(`%d pwrite64 2 store.db  8192 "page" false false`, Writes),
		fmt.Sprintf(`%d unlinkat 1 b  0 "" true false`, Removes),
	}
	if !slices.Equal(got, expect) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(expect, "\n"))
	}
}

func FuzzReadTrace(f *testing.F) {
	f.Add([]byte("7 fsync(4<\\x2f\\x64\\x2f\\x61>) = 0\n"))
	f.Add([]byte("7 write(1<\\x2f>, \"\\x61\", 1 <unfinished ...>\n7 <... write resumed>) = 1\n"))
	f.Add([]byte("7 pwrite64(4<\\x2f\\x64\\x2f\\x61>(deleted), \"\\x61\", 1, 0) = -1 EIO (Input/output error) (INJECTED)\n"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = ReadTrace(bytes.NewReader(b), "/d", nil)
	})
}

// TestHistoryRefusesNonsense: what is not understood is an error, never silence.
func TestHistoryRefusesNonsense(t *testing.T) {
	sc := SmallScenario(1)
	for _, line := range []string{"", "a", "a x", "a -1", "a 100000", "z 1", "a 1 2", "i 1 x/y"} {
		if err := NewHistory(sc).Read([]byte(line + "\n")); err == nil {
			t.Errorf("%q was understood", line)
		}
	}
	h := NewHistory(sc)
	if err := h.Read([]byte("o created\ni 0\na 0 1/1\ni 1\na 1 1/2 1/3d\ni 2\nu 2\ni 3\na 3 1/")); err != nil {
		t.Fatal(err)
	}
	if a := h.Answers; !a[0].Acked || !a[1].Places[1].Duplicate || !a[2].maybe() || a[3].Acked || !a[3].maybe() || a[4].maybe() {
		t.Errorf("answers %+v", a[:5])
	}
	h.Begin()
	if a := h.Answers[3]; !a.Unknown || a.Pending {
		t.Errorf("answer %+v of a process that is gone", a)
	}
}

// TestScenarioIsLargeEnough and is the same each time.
func TestScenarioIsLargeEnough(t *testing.T) {
	one, two := fmt.Sprint(NewScenario(5)), fmt.Sprint(NewScenario(5))
	if one != two || one == fmt.Sprint(NewScenario(6)) {
		t.Error("the seed does not decide")
	}
	seen, n := map[Do]int{}, 0
	for _, p := range NewScenario(5).Phases {
		for _, op := range p.Ops {
			seen[op.Do]++
			n++
		}
	}
	for _, d := range []Do{DoAppend, DoUpdate, DoRefuse, DoConflict, DoAdvance, DoReceipt, DoRotate, DoCheckpoint, DoRetain, DoCompact, DoBlob} {
		if seen[d] == 0 {
			t.Errorf("no operation %s", d)
		}
	}
	if n < 200 {
		t.Errorf("%d operations", n)
	}
}

func TestLayKeepsHoles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	files := map[string][]byte{"data/a": append([]byte("abc"), make([]byte, 1<<20)...), "data/q": nil, "k": []byte("1"), "e": {}}
	if err := lay(dir, files); err != nil {
		t.Fatal(err)
	}
	got, err := readFiles(dir)
	if err != nil || len(got) != len(files)+1 || !bytes.Equal(got["data/a"], files["data/a"]) || got["data/q"] != nil {
		t.Errorf("%d files, %v", len(got), err)
	}
	if _, err := os.Stat(filepath.Join(dir, "data", "q")); err != nil {
		t.Error(err)
	}
}
