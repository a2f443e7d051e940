package web_test

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// luminance is that of WCAG 2.2 for "#rrggbb".
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	rgb, err := strconv.ParseUint(strings.TrimPrefix(hex, "#"), 16, 32)
	if err != nil || len(hex) != 7 {
		t.Fatalf("colour %q", hex)
	}
	part := func(v uint64) float64 {
		c := float64(v&0xff) / 255
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*part(rgb>>16) + 0.7152*part(rgb>>8) + 0.0722*part(rgb)
}

// TestContrast computes the pairs of colours that the styles use: text 4.5:1,
// borders, icons and the focus ring 3:1.
func TestContrast(t *testing.T) {
	css, err := os.ReadFile("assets/tokens.css")
	if err != nil {
		t.Fatal(err)
	}
	root, _, _ := strings.Cut(string(css), "@media")
	token := map[string]string{"white": "#ffffff"}
	for _, m := range regexp.MustCompile(`--([a-z0-9-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(root, -1) {
		token[m[1]] = m[2]
	}
	for _, tt := range []struct {
		front, back string
		want        float64
	}{
		{"ink", "paper", 7}, {"ink", "surface", 7}, {"ink-soft", "paper", 4.5}, {"ink-soft", "surface", 4.5},
		{"sign-ink", "sign", 7}, {"sign-soft", "sign", 7}, {"sign-ink", "sign-2", 7}, {"sun", "sign", 4.5}, {"sign", "sun", 7},
		{"white", "go", 4.5}, {"white", "go-deep", 4.5}, {"go", "paper", 3}, {"white", "care", 4.5}, {"white", "care-deep", 4.5}, {"care", "surface", 4.5},
		{"edge", "paper", 3}, {"edge", "surface", 3}, {"focus", "paper", 3}, {"focus", "surface", 3},
	} {
		a, b := luminance(t, token[tt.front]), luminance(t, token[tt.back])
		if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < tt.want {
			t.Errorf("%s on %s: %.2f, want %.1f", tt.front, tt.back, ratio, tt.want)
		}
	}
}

// TestPageWeight keeps what a cold start of the page loads under 150 KB.
func TestPageWeight(t *testing.T) {
	total := 0
	for _, pattern := range []string{"pages/checkin.html", "pages/icons.html", "assets/*", "languages/*.toml"} {
		files, err := fs.Glob(os.DirFS("."), pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			_, _ = z.Write(b)
			_ = z.Close()
			total += min(packed.Len(), len(b))
		}
	}
	if t.Logf("%d bytes compressed", total); total > 150_000 {
		t.Errorf("the page weighs %d bytes, want at most 150000", total)
	}
}
