package crashtest

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// exhaustive is how many changes that may or may not have reached the medium are
// tried in all combinations; of more, combinations are drawn.
const exhaustive = 6

// cutter builds the states that a power cut may leave, sync by sync.
type cutter struct {
	d     *disk
	rnd   *rand.Rand
	draws int // combinations where there are too many to try all
	buf   []byte
	seen  map[string]bool // states built in this epoch
}

// unit is a change that a state has or has not.
type unit struct {
	file *node // nil for a name
	at   int   // in the file's pending changes, or in the disk's names
	seq  int
}

// chainMax is how many uncertain versions of a page are tried one by one. A file
// that is overwritten all the time and never synced has many more.
const chainMax = 3

// tear is how the newest change of a state reached the medium.
type tear struct {
	kind int // 0: whole
	arg  uint64
}

// tears of the newest change: whole, its first sectors, its last ones, any, and
// the first bytes of its first sector (what a checksum has to tell).
const tearKinds = 5

func (t tear) sectors() func(i int) bool {
	switch t.kind {
	case 1:
		return func(i int) bool { return i < int(t.arg%7)+1 }
	case 2:
		return func(i int) bool { return i > int(t.arg%7) }
	case 3:
		return func(i int) bool { return t.arg>>(i%64)&1 == 1 }
	}
	return nil
}

// states calls fn with each state that the power cut may leave now. fn lays it
// down in a directory with put. It ends early where fn returns false.
func (c *cutter) states(fn func(put func(dir string) error) bool) {
	units, long := c.units()
	n := len(units)
	c.seen = map[string]bool{}
	var masks [][]bool
	if n <= exhaustive {
		for m := range 1 << n {
			masks = append(masks, bits(n, func(i int) bool { return m>>i&1 == 1 }))
		}
	} else {
		masks = c.drawn(n)
	}
	for _, mask := range masks {
		newest := -1
		for i := range units {
			if mask[i] && units[i].file != nil && units[i].file.pending[units[i].at].page >= 0 && (newest < 0 || units[newest].seq < units[i].seq) {
				newest = i
			}
		}
		kinds := []int{0}
		if newest >= 0 {
			if n <= exhaustive {
				kinds = []int{0, 1, 2, 3, 4}
			} else {
				kinds = append(kinds, 1+c.rnd.IntN(tearKinds-1))
			}
		}
		for _, kind := range kinds {
			t := tear{kind, c.rnd.Uint64()}
			versions := make([]int, len(long))
			for i, chain := range long {
				// Mostly the newest: a cut long after the write.
				versions[i] = len(chain)
				if c.rnd.IntN(2) == 0 {
					versions[i] = c.rnd.IntN(len(chain) + 1)
				}
			}
			key := fmt.Sprint(mask, newest >= 0, kind, versions)
			if kind != 0 {
				key += fmt.Sprint(t.arg % 4096)
			}
			if c.seen[key] {
				continue
			}
			c.seen[key] = true
			chosen := c.choose(units, mask, long, versions)
			var torn unit
			if newest >= 0 {
				torn = units[newest]
			}
			if !fn(func(dir string) error { return c.put(dir, chosen, torn, t) }) {
				return
			}
		}
	}
}

// units lists what a state has or has not; pages with a long history apart.
func (c *cutter) units() (units []unit, long [][]unit) {
	for _, f := range c.d.nodes {
		chains := map[int64][]unit{}
		for i, p := range f.pending {
			chains[p.page] = append(chains[p.page], unit{f, i, p.seq})
		}
		pages := make([]int64, 0, len(chains))
		for page := range chains {
			pages = append(pages, page)
		}
		slices.Sort(pages)
		for _, page := range pages {
			if len(chains[page]) > chainMax {
				long = append(long, chains[page])
			} else {
				units = append(units, chains[page]...)
			}
		}
	}
	for i := range c.d.names {
		units = append(units, unit{nil, i, c.d.names[i].seq})
	}
	slices.SortStableFunc(units, func(a, b unit) int { return a.seq - b.seq })
	return units, long
}

func bits(n int, set func(i int) bool) []bool {
	m := make([]bool, n)
	for i := range m {
		m[i] = set(i)
	}
	return m
}

// drawn are combinations worth trying of many changes: none, all, all but one,
// one alone, the first few, and others at random.
func (c *cutter) drawn(n int) (masks [][]bool) {
	masks = append(masks, bits(n, func(int) bool { return false }), bits(n, func(int) bool { return true }))
	for range min(n, c.draws/4) {
		k := c.rnd.IntN(n)
		masks = append(masks, bits(n, func(i int) bool { return i != k }))
	}
	for range min(n, c.draws/8) {
		k := c.rnd.IntN(n)
		masks = append(masks, bits(n, func(i int) bool { return i == k }))
	}
	for range min(n, c.draws/4) {
		k := c.rnd.IntN(n)
		masks = append(masks, bits(n, func(i int) bool { return i < k }))
	}
	for len(masks) < c.draws {
		masks = append(masks, bits(n, func(int) bool { return c.rnd.IntN(2) == 0 }))
	}
	return masks
}

// state says of each uncertain change whether it is there.
type state struct {
	changes map[*node][]bool
	names   []bool
}

func (c *cutter) choose(units []unit, mask []bool, long [][]unit, versions []int) state {
	s := state{map[*node][]bool{}, make([]bool, len(c.d.names))}
	for _, f := range c.d.nodes {
		if len(f.pending) > 0 {
			s.changes[f] = make([]bool, len(f.pending))
		}
	}
	for i, u := range units {
		if u.file == nil {
			s.names[u.at] = mask[i]
		} else {
			s.changes[u.file][u.at] = mask[i]
		}
	}
	for i, chain := range long {
		for _, u := range chain[:versions[i]] {
			s.changes[u.file][u.at] = true
		}
	}
	return s
}

// put lays a state down in an empty directory.
func (c *cutter) put(dir string, s state, torn unit, t tear) error {
	view := map[*node]map[string]*node{}
	get := func(n *node) map[string]*node {
		if view[n] == nil {
			m := make(map[string]*node, len(n.certain))
			for k, v := range n.certain {
				m[k] = v
			}
			view[n] = m
		}
		return view[n]
	}
	for i := range c.d.names {
		if s.names[i] {
			c.d.names[i].apply(get)
		}
	}
	var lay func(n *node, dir string) error
	lay = func(n *node, dir string) error {
		for name, child := range get(n) {
			path := filepath.Join(dir, name)
			if child.dir != nil {
				if err := os.Mkdir(path, 0o700); err != nil {
					return err
				}
				if err := lay(child, path); err != nil {
					return err
				}
				continue
			}
			if err := c.file(path, child, s.changes[child], torn, t); err != nil {
				return err
			}
		}
		return nil
	}
	return lay(c.d.root, dir)
}

func (c *cutter) file(path string, n *node, chosen []bool, torn unit, t tear) error {
	b, size := append(c.buf[:0], n.base...), n.size
	for i := range n.pending {
		if !chosen[i] {
			continue
		}
		p := &n.pending[i]
		sectors := t.sectors()
		switch {
		case torn.file != n || torn.at != i || t.kind == 0:
			b, size = p.apply(b, size, nil)
		case t.kind == 4:
			part := *p
			part.data = p.data[:min(len(p.data), 1+int(t.arg%80))]
			b, size = part.apply(b, size, nil)
		default:
			b, size = p.apply(b, size, sectors)
		}
	}
	c.buf = b[:0]
	if int64(len(b)) > size {
		b = b[:size]
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(b); err != nil {
		return err
	}
	if int64(len(b)) < size {
		return f.Truncate(size)
	}
	return nil
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }
