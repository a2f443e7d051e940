package session

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The page is never left to the board's display, whichever of them comes first.
func TestWestonINI(t *testing.T) {
	for _, c := range []struct {
		board   string
		outputs []string
		page    string // the page's output; empty: Weston's choice
	}{
		{"", []string{"HDMI-A-1", "HDMI-A-2"}, ""},
		{"HDMI-A-2", []string{"HDMI-A-1", "HDMI-A-2"}, "HDMI-A-1"},
		{"HDMI-A-1", []string{"HDMI-A-1", "HDMI-A-2"}, "HDMI-A-2"},
		{"HDMI-A-1", []string{"HDMI-A-1"}, ""},
		{"HDMI-A-1", []string{"DP-1"}, ""}, // the board's display is off
		{"HDMI-A-1", nil, ""},
	} {
		of := map[string]string{}
		for section := range strings.SplitSeq(westonINI(c.board, c.outputs), "[output]\nname=") {
			if name, class, ok := strings.Cut(strings.TrimSpace(section), "\napp-ids="); ok {
				of[class] = name
			}
		}
		if of[boardClass] != c.board || of[pageClass] != c.page {
			t.Errorf("board %q on %v: the windows go to %v", c.board, c.outputs, of)
		}
	}
}

func TestConnected(t *testing.T) {
	sysfs := t.TempDir()
	for name, status := range map[string]string{"card0-HDMI-A-2": "connected\n", "card0-HDMI-A-1": "disconnected\n", "card1-DSI-1": "connected\n", "card0": "", "renderD128": ""} {
		if err := os.Mkdir(filepath.Join(sysfs, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if status != "" {
			if err := os.WriteFile(filepath.Join(sysfs, name, "status"), []byte(status), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got, want := connected(sysfs), []string{"HDMI-A-2", "DSI-1"}; !slices.Equal(got, want) {
		t.Errorf("displays are at %v, want %v", got, want)
	}
}
