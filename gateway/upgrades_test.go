package gateway

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"clinicgate/gateway/upgrade"
)

// What a change of the store's format replaced is kept for as long as the program
// before may come back.
func TestOnTrial(t *testing.T) {
	dir := t.TempDir()
	if onTrial(dir) {
		t.Error("without a journal")
	}
	for stage, want := range map[upgrade.Stage]bool{upgrade.None: false, upgrade.Planned: false, upgrade.Swapping: true, upgrade.Trial: true, upgrade.Returning: true} {
		if err := os.WriteFile(filepath.Join(dir, "upgrade.json"), []byte(`{"v":1,"stage":"`+string(stage)+`"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := onTrial(dir); got != want {
			t.Errorf("in the stage %q: %t", stage, got)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "upgrade.json"), []byte("half a jour"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !onTrial(dir) {
		t.Error("with a journal that cannot be read")
	}
}

func TestPageAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		kind   string
		want   bool
	}{
		"locked":    {http.StatusUnauthorized, "text/html; charset=utf-8", true},
		"page":      {http.StatusOK, "text/html; charset=utf-8", true},
		"not there": {http.StatusNotFound, "text/html; charset=utf-8", false},
		"forbidden": {http.StatusForbidden, "text/plain; charset=utf-8", false},
		"failed":    {http.StatusInternalServerError, "text/html; charset=utf-8", false},
		"another":   {http.StatusOK, "application/json", false},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.kind)
			w.WriteHeader(c.status)
		}))
		if err := PageAnswers(t.Context(), strings.TrimPrefix(s.URL, "http://")); (err == nil) != c.want {
			t.Errorf("%s: %v", name, err)
		}
		s.Close()
	}
}
