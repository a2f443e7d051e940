package emulator

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
)

// The part of CBOR (RFC 8949) that tokens use: definite lengths, no tags.
const (
	cborUint = iota << 5
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

var errCBOR = errors.New("malformed cbor")

func appendHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func appendBytes(b []byte, s string) []byte {
	return append(appendHead(b, cborBytes, uint64(len(s))), s...)
}

func appendText(b []byte, s string) []byte {
	return append(appendHead(b, cborText, uint64(len(s))), s...)
}

// appendScalar encodes a JSON scalar; anything else becomes null.
func appendScalar(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		return appendText(b, v)
	case bool:
		if v {
			return append(b, cborSimple|21)
		}
		return append(b, cborSimple|20)
	case int:
		return appendInt(b, int64(v))
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return appendInt(b, int64(v))
		}
		return binary.BigEndian.AppendUint64(append(b, cborSimple|27), math.Float64bits(v))
	}
	return append(b, cborSimple|22)
}

func appendInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendHead(b, cborNegative, uint64(-1-n))
	}
	return appendHead(b, cborUint, uint64(n))
}

// appendMasks encodes names and bit masks, in order.
func appendMasks(b []byte, masks map[string]Permission) []byte {
	b = appendHead(b, cborMap, uint64(len(masks)))
	for _, name := range slices.Sorted(maps.Keys(masks)) {
		b = appendHead(appendText(b, name), cborUint, uint64(masks[name]))
	}
	return b
}

const maxCBORNest = 8

// cborReader decodes from untrusted bytes: nesting is bounded, and no length is
// believed beyond what is there.
type cborReader struct {
	data []byte
	pos  int
}

func (r *cborReader) head() (major byte, n uint64, err error) {
	if r.pos >= len(r.data) {
		return 0, 0, fmt.Errorf("%w: cut short", errCBOR)
	}
	first := r.data[r.pos]
	r.pos++
	major, low := first&0xe0, first&0x1f
	if low < 24 {
		return major, uint64(low), nil
	}
	if low > 27 {
		return 0, 0, fmt.Errorf("%w: length form %d", errCBOR, low)
	}
	size := 1 << (low - 24)
	if len(r.data)-r.pos < size {
		return 0, 0, fmt.Errorf("%w: cut short", errCBOR)
	}
	for _, c := range r.data[r.pos : r.pos+size] {
		n = n<<8 | uint64(c)
	}
	r.pos += size
	return major, n, nil
}

// value decodes to int64, string (of bytes too), bool, float64, nil, []any or
// map[string]any.
func (r *cborReader) value(nest int) (any, error) {
	if nest > maxCBORNest {
		return nil, fmt.Errorf("%w: too deep", errCBOR)
	}
	start := r.pos
	major, n, err := r.head()
	if err != nil {
		return nil, err
	}
	left := uint64(len(r.data) - r.pos)
	switch major {
	case cborUint, cborNegative:
		if n > math.MaxInt64 {
			return nil, fmt.Errorf("%w: number too large", errCBOR)
		}
		if major == cborNegative {
			return -1 - int64(n), nil
		}
		return int64(n), nil
	case cborBytes, cborText:
		if n > left {
			return nil, fmt.Errorf("%w: cut short", errCBOR)
		}
		s := string(r.data[r.pos : r.pos+int(n)])
		r.pos += int(n)
		return s, nil
	case cborArray:
		if n > left {
			return nil, fmt.Errorf("%w: cut short", errCBOR)
		}
		var out []any
		for range n {
			v, err := r.value(nest + 1)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		return out, nil
	case cborMap:
		if n > left/2 {
			return nil, fmt.Errorf("%w: cut short", errCBOR)
		}
		out := map[string]any{}
		for range n {
			if err := r.pair(out, nest); err != nil {
				return nil, err
			}
		}
		return out, nil
	case cborSimple:
		return simple(r.data[start]&0x1f, n)
	}
	return nil, fmt.Errorf("%w: tag", errCBOR)
}

// pair decodes one key and value into out. A key twice is refused.
func (r *cborReader) pair(out map[string]any, nest int) error {
	k, err := r.value(nest + 1)
	if err != nil {
		return err
	}
	key, ok := k.(string)
	if !ok {
		return fmt.Errorf("%w: key is not a string", errCBOR)
	}
	if _, twice := out[key]; twice {
		return fmt.Errorf("%w: key twice", errCBOR)
	}
	out[key], err = r.value(nest + 1)
	return err
}

func simple(form byte, n uint64) (any, error) {
	switch form {
	case 20, 21:
		return form == 21, nil
	case 22, 23:
		return nil, nil
	case 26:
		return float64(math.Float32frombits(uint32(n))), nil
	case 27:
		return math.Float64frombits(n), nil
	}
	return nil, fmt.Errorf("%w: simple value %d", errCBOR, form)
}
