package session

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

func TestPolicies(t *testing.T) {
	const origin = "http://127.0.0.1:8470"
	seen := map[string]bool{}
	for _, p := range policies(origin) {
		if seen[p.name] {
			t.Errorf("%s stands there twice", p.name)
		}
		seen[p.name] = true
	}
	var file map[string]any
	if err := json.Unmarshal([]byte(PolicyFile(origin)), &file); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{"DeveloperToolsAvailability": 2.0, "PrintingEnabled": false, "VideoCaptureAllowed": false, "DownloadRestrictions": 3.0} {
		if file[name] != want {
			t.Errorf("%s is %v, want %v", name, file[name], want)
		}
	}
	if list, ok := file["VideoCaptureAllowedUrls"].([]any); !ok || len(list) != 1 || list[0] != origin {
		t.Errorf("the camera is for %v", file["VideoCaptureAllowedUrls"])
	}
	if _, ok := file["RemoteDebuggingAllowed"]; ok {
		t.Error("RemoteDebuggingAllowed would take the session's pipe away")
	}
	line := regexp.MustCompile(`^(Windows Registry Editor Version 5\.00|\[-?HKEY_LOCAL_MACHINE\\[A-Za-z \\.0-9]+\]|"[A-Za-z0-9.]+"=(dword:[0-9a-f]{8}|"[^"\\]*")|)$`)
	reg := Registry(origin)
	for text := range strings.SplitSeq(strings.TrimSuffix(reg, "\r\n"), "\r\n") {
		if !line.MatchString(text) {
			t.Errorf("no line of a registry file: %q", text)
		}
	}
	if !strings.Contains(reg, "InPrivateModeAvailability\"=dword:00000001") || !strings.Contains(reg, "\"1\"=\""+origin+"\"\r\n") {
		t.Error("the registry file lacks Edge's own policies, or the page")
	}
}

// No secret and nothing of elsewhere is on the browser's command line, and what
// would open it is not either.
func TestArguments(t *testing.T) {
	words := strings.Join(arguments("/run/x", pane{class: pageClass, at: "1920,0", more: []string{"--ozone-platform=wayland"}}), "\n") + "\n"
	for _, want := range []string{"--kiosk\n", "--user-data-dir=/run/x/profile\n", "--remote-debugging-pipe\n", "--class=clinicgate-page\n", "--window-position=1920,0\n", "--ozone-platform=wayland\n", "--disable-breakpad\n"} {
		if !strings.Contains(words, want) {
			t.Errorf("the command line lacks %q", want)
		}
	}
	for _, never := range []string{"--no-sandbox", "--remote-debugging-port", "--disable-web-security", "launch"} {
		if strings.Contains(words, never) {
			t.Errorf("the command line has %q", never)
		}
	}
}

func TestWaitPage(t *testing.T) {
	for _, toDesk := range []bool{false, true} {
		page := waitPage(toDesk)
		for _, w := range waiting {
			want := w.moment
			if toDesk {
				want = w.desk
			}
			if !strings.Contains(page, `<p lang="`+w.tag+`" dir="`+w.dir+`">`+want+`</p>`) {
				t.Errorf("%s is missing, to the desk %v", w.tag, toDesk)
			}
		}
		if strings.Contains(page, "http:") || strings.Contains(page, "src=") || strings.Contains(page, "<script") {
			t.Error("the page fetches something")
		}
	}
}
