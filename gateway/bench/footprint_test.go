//go:build bench

package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const idleTurns = 3

func benchFootprint(t *testing.T, results *table) {
	results.part("what it takes")
	d := newDouble(t)
	c := newClinic(t, d.addr)
	var rss, anonymous, ready []float64
	for range idleTurns {
		c.start()
		time.Sleep(5 * time.Second)
		m := c.memory()
		rss, anonymous, ready = append(rss, m.RSS), append(anonymous, m.Anonymous), append(ready, c.ready.Seconds())
		c.stop()
	}
	results.most("memory, idle (RSS)", " MiB", 40, rss...)
	results.note("of it anonymous", " MiB", anonymous...)
	results.note("ready with an empty store", " s", ready...)
	for _, target := range []string{"linux/amd64", "linux/arm64", "linux/arm", "windows/amd64"} {
		goos, goarch, _ := strings.Cut(target, "/")
		out := filepath.Join(t.TempDir(), "clinicgate")
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "clinicgate/cmd/clinicgate")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARM=7", "GOOS="+goos, "GOARCH="+goarch)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build for %s: %v\n%s", target, err, text)
		}
		info, err := os.Stat(out)
		if err != nil {
			t.Fatal(err)
		}
		results.most("binary for "+target, " MB", 20, float64(info.Size())/1e6)
	}
}
