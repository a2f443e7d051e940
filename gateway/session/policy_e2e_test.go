//go:build e2e && linux

package session

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const policiesInPlace = "CLINICGATE_TEST_POLICIES" // in the environment: the folder; set where Chromium finds the policies

// The browser obeys: the page gets camera and microphone without a question, another
// address of the same machine gets neither, and one that is not the page is not even
// fetched. Chromium reads policies at one place only, so the test runs a second time
// as an account without rights, where that place is its own.
func TestE2EPolicies(t *testing.T) {
	if dir := os.Getenv(policiesInPlace); dir != "" {
		obeys(t, dir)
		return
	}
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root: it runs a browser as nobody, with policies of its own")
	}
	dir, err := os.MkdirTemp("/dev/shm", "cg-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = removeAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range [][]string{
		{"cp", self, filepath.Join(dir, "test")},
		{"mkdir", "-p", filepath.Join(dir, "etc/policies/managed"), filepath.Join(dir, "run")},
		{"chown", "-R", "nobody:nogroup", dir},
	} {
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", words, err, out)
		}
	}
	again := exec.Command("unshare", "--mount", "--", "sh", "-c",
		`mkdir -p /etc/chromium && mount --bind "$1/etc" /etc/chromium && cd "$1" && exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$1/test" -test.run '^TestE2EPolicies$' -test.v -test.timeout 5m`, "sh", dir)
	again.Env = []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", policiesInPlace + "=" + dir}
	out, err := again.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestE2EPolicies") {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// asks tries camera and microphone and tells its own server how that ended.
const asks = `<!doctype html><title>asks</title><script>
navigator.mediaDevices.getUserMedia({video: true, audio: true}).then(() => "granted", e => e.name).then(how => fetch("/said", {method: "POST", body: how}))
</script>`

// site serves asks and gives what it tells.
func site(t *testing.T) (origin string, said chan string) {
	said = make(chan string, 8)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			how, _ := io.ReadAll(io.LimitReader(r.Body, 100)) // cut off is another text than the test wants
			said <- string(how)
			return
		}
		if r.URL.Path == "/" {
			_, _ = io.WriteString(w, asks)
		}
	})}
	go func() { _ = server.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + l.Addr().String(), said
}

func obeys(t *testing.T, dir string) {
	page, pageSaid := site(t)
	other, otherSaid := site(t)
	program, err := findBrowser("")
	if err != nil {
		t.Fatal(err)
	}
	// open shows an address under policies and gives what its page tells.
	open := func(policies, address string, said chan string, within time.Duration) string {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "etc/policies/managed/clinicgate.json"), []byte(policies), 0o644); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		// Devices that are not there; nothing else differs from the kiosk's own browser.
		w, err := openWindow(ctx, program, filepath.Join(dir, "run/page"), pane{first: waitAddress(false), origin: page, class: pageClass,
			more: []string{"--headless", "--use-fake-device-for-media-stream"}}, maxLoad, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if err := w.Show(ctx, address); err != nil {
			t.Fatal(err)
		}
		select {
		case how := <-said:
			return how
		case <-time.After(within):
			return "nothing"
		}
	}
	if got := open(PolicyFile(page), page+"/", pageSaid, time.Minute); got != "granted" {
		t.Errorf("camera and microphone of the page: %s", got)
	}
	if got := open(PolicyFile(page), other+"/", otherSaid, 5*time.Second); got != "nothing" {
		t.Errorf("an address that is not the page was opened and says %s", got)
	}
	var lax map[string]any
	if err := json.Unmarshal([]byte(PolicyFile(page)), &lax); err != nil {
		t.Fatal(err)
	}
	delete(lax, "URLBlocklist")
	text, err := json.Marshal(lax)
	if err != nil {
		t.Fatal(err)
	}
	if got := open(string(text), other+"/", otherSaid, time.Minute); got != "NotAllowedError" {
		t.Errorf("camera and microphone of another address: %s", got)
	}
}
