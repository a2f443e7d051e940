//go:build bench

package bench

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if name := os.Getenv(roleVariable); name != "" {
		os.Exit(play(name))
	}
	os.Exit(m.Run())
}

// TestBench runs every part and prints the table.
func TestBench(t *testing.T) {
	var only []string
	if s := os.Getenv("BENCH"); s != "" {
		only = strings.Split(s, ",")
	}
	var results table
	for _, part := range []struct {
		name string
		run  func(*testing.T, *table)
	}{
		{"append", benchAppend},
		{"backlog", benchBacklog},
		{"drain", benchDrain},
		{"link", benchLink},
		{"tap", benchTap},
		{"backup", benchBackup},
		{"swarm", benchSwarm},
		{"paint", benchPaint},
		{"footprint", benchFootprint},
	} {
		if only == nil || slices.Contains(only, part.name) {
			t.Run(part.name, func(t *testing.T) { part.run(t, &results) })
		}
	}
	results.print(os.Stdout)
}

// setting reads a number from the environment.
func setting(name string, standard int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return standard
}

// folder makes a folder on the disk that is measured. It goes with the test.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(os.Getenv("BENCH_DIR"), "clinicgate-bench-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
