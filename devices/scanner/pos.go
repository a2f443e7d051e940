package scanner

// Usage pages and usages of a scanner's report: HID Point of Sale Usage Tables
// 1.02, chapter 4, and the byte count of the Generic Desktop page (HUT 1.4).
const (
	byteCount     = 0x01<<16 | 0x3b
	symbology1    = 0x8c<<16 | 0xfb
	symbology2    = 0x8c<<16 | 0xfc
	symbology3    = 0x8c<<16 | 0xfd
	decodedData   = 0x8c<<16 | 0xfe
	dataContinued = 0x8c<<16 | 0xff
)

// Bounds of what a unit may say of itself.
const (
	maxDescriptor = 4096 // bytes, as in the kernel
	maxReport     = 4096 // bytes
	maxUsages     = 64   // of one item
	maxNesting    = 16
)

// bits is where a value stands in a report: count elements of width bits, the
// first one at bit at. The report's number is not counted.
type bits struct{ at, width, count int }

// reportLayout is where the parts of a scan stand in a report. A part that the unit
// does not have has no width.
type reportLayout struct {
	number  byte // 0: the unit has one report, without a number
	length  bits
	symbol  [3]bits
	data    bits
	more    bits
	hasData bool
}

// parseDescriptor finds the report that carries scanned data in a HID report
// descriptor (Device Class Definition for HID 1.11, 6.2.2), which may be
// anything. ok is false when there is none.
func parseDescriptor(d []byte) (l reportLayout, ok bool) {
	type global struct {
		page, size, count uint32
		number            byte
	}
	var (
		g     global
		saved []global
		local []uint32 // usages
		low   uint32   // usage minimum
		ends  = map[byte]int{}
		found = map[byte]*reportLayout{}
	)
	d = d[:min(len(d), maxDescriptor)]
	for len(d) > 0 {
		head := d[0]
		size := [...]int{0, 1, 2, 4}[head&3]
		if head == 0xfe { // a long item, of which none is defined
			if len(d) < 3 || len(d) < 3+int(d[1]) {
				return l, false
			}
			d = d[3+int(d[1]):]
			continue
		}
		if len(d) < 1+size {
			return l, false
		}
		var v uint32
		for i, b := range d[1 : 1+size] {
			v |= uint32(b) << (8 * i)
		}
		d = d[1+size:]
		usage := v
		if size < 4 {
			usage = g.page<<16 | v
		}
		switch head &^ 3 {
		case 0x04:
			g.page = v & 0xffff
		case 0x74:
			g.size = v
		case 0x84:
			g.number = byte(v)
		case 0x94:
			g.count = v
		case 0xa4:
			if len(saved) == maxNesting {
				return l, false
			}
			saved = append(saved, g)
		case 0xb4:
			if len(saved) == 0 {
				return l, false
			}
			g, saved = saved[len(saved)-1], saved[:len(saved)-1]
		case 0x08:
			if len(local) < maxUsages {
				local = append(local, usage)
			}
		case 0x18:
			low = usage
		case 0x28:
			for u := low; u <= usage && len(local) < maxUsages; u++ {
				local = append(local, u)
			}
		case 0x80: // Input
			if g.size > 32 || g.count > 8*maxReport {
				return l, false
			}
			at, n := ends[g.number], int(g.count)
			if ends[g.number] = at + int(g.size)*n; ends[g.number] > 8*maxReport {
				return l, false
			}
			r := found[g.number]
			if r == nil {
				r = &reportLayout{number: g.number}
				found[g.number] = r
			}
			if v&1 == 0 { // data, not padding
				for i, u := range local[:min(len(local), n)] {
					b := bits{at + i*int(g.size), int(g.size), 1}
					if i == len(local)-1 {
						b.count = n - i // the last usage is that of the rest
					}
					r.take(u, b)
				}
			}
			local, low = local[:0], 0
		case 0x90, 0xa0, 0xb0, 0xc0: // Output, Collection, Feature, End Collection
			local, low = local[:0], 0
		}
	}
	for number := range 256 {
		if r := found[byte(number)]; r != nil && r.hasData {
			return *r, true
		}
	}
	return l, false
}

// take keeps the first place of each usage that makes a scan.
func (l *reportLayout) take(usage uint32, b bits) {
	whole := b.width == 8 && b.at%8 == 0 && b.count > 0
	keep := func(to *bits) {
		if to.width == 0 && whole {
			*to = b
		}
	}
	switch usage {
	case byteCount:
		keep(&l.length)
	case symbology1:
		keep(&l.symbol[0])
	case symbology2:
		keep(&l.symbol[1])
	case symbology3:
		keep(&l.symbol[2])
	case decodedData:
		keep(&l.data)
		l.hasData = l.data.width > 0
	case dataContinued:
		if l.more.width == 0 {
			l.more = b
		}
	}
}

// posPart is what one report carries.
type posPart struct {
	symbology string // "]Q1"; empty when the unit does not say
	data      []byte // of the report
	more      bool   // the next report goes on with the same scan
}

// part reads a report as it comes from the raw node. mine is false for a report
// of another kind, and ok for one that cannot be.
func (l reportLayout) part(report []byte) (p posPart, mine, ok bool) {
	if l.number != 0 {
		if len(report) == 0 || report[0] != l.number {
			return p, false, false
		}
		report = report[1:]
	}
	if len(report) < l.data.at/8+l.data.count {
		return p, true, false
	}
	p.data = report[l.data.at/8:][:l.data.count]
	if l.length.width > 0 {
		if l.length.at/8 >= len(report) {
			return p, true, false
		}
		n := int(report[l.length.at/8])
		if n > len(p.data) {
			return p, true, false
		}
		p.data = p.data[:n]
	} else {
		for len(p.data) > 0 && p.data[len(p.data)-1] == 0 {
			p.data = p.data[:len(p.data)-1]
		}
	}
	for i := range l.more.width * l.more.count {
		at := l.more.at + i
		p.more = p.more || at/8 < len(report) && report[at/8]>>(at%8)&1 == 1
	}
	var id []byte
	for _, s := range l.symbol {
		if s.width > 0 && s.at/8 < len(report) {
			id = append(id, report[s.at/8])
		}
	}
	if isSymbology(id) && len(id) == 3 {
		p.symbology = string(id)
	}
	return p, true, true
}

// posReports turns reports into the bytes of a line that the Framer knows: STX,
// the symbology identifier, the data, ETX. It is pure.
type posReports struct {
	layout reportLayout
	open   bool // a scan has begun and is not over
}

// feed appends the line's bytes of one report.
func (r *posReports) feed(line, report []byte) []byte {
	p, mine, ok := r.layout.part(report)
	switch {
	case !mine:
		return line
	case !ok:
		return append(line, noKey)
	}
	if !r.open {
		line = append(line, stx)
		if len(p.data) < 3 || string(p.data[:3]) != p.symbology { // it may stand in both places
			line = append(line, p.symbology...)
		}
	}
	for _, b := range p.data {
		if b == stx || b == etx {
			b = noKey // here they mean nothing, and must not end a scan
		}
		line = append(line, b)
	}
	if r.open = p.more; !p.more {
		line = append(line, etx)
	}
	return line
}
