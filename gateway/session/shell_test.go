package session

import (
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is compared with anew")

// golden compares a text with what is kept in testdata, where ends of lines are "\n".
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what is kept (go test -update ./gateway/session writes it anew):\n%s", name, got)
	}
}

// What Windows is given, letter for letter: somebody has to read every change.
func TestWindowsFiles(t *testing.T) {
	golden(t, "kiosk-shell.xml", ShellLauncher(Setup{Binary: WindowsBinary, Account: `LOBBY-1\kiosk`}))
	golden(t, "kiosk.reg", strings.ReplaceAll(Registry("http://127.0.0.1:8470"), "\r\n", "\n"))
	golden(t, "clinicgate.json", PolicyFile("http://127.0.0.1:8470"))
}

// A path or an account with a letter that XML has for itself stays what it is.
func TestShellLauncherQuotes(t *testing.T) {
	var read struct {
		Profiles struct {
			Profile struct {
				ID    string `xml:"Id,attr"`
				Shell struct {
					Shell         string `xml:",attr"`
					DefaultAction struct {
						Action string `xml:",attr"`
					}
				}
			}
		}
		Configs struct {
			Config struct {
				Account struct {
					Name string `xml:",attr"`
				}
				Profile struct {
					ID string `xml:"Id,attr"`
				}
			}
		}
	}
	text := ShellLauncher(Setup{Binary: `D:\R&D "x"\clinicgate.exe`, ConfigPath: `D:\a <b>\config.toml`, Account: `R&D\kiosk`})
	if err := xml.Unmarshal([]byte(text), &read); err != nil {
		t.Fatalf("%v:\n%s", err, text)
	}
	profile, config := read.Profiles.Profile, read.Configs.Config
	if got, want := profile.Shell.Shell, `"D:\R&D "x"\clinicgate.exe" kiosk-session --config "D:\a <b>\config.toml"`; got != want {
		t.Errorf("the shell is %s, want %s", got, want)
	}
	if config.Account.Name != `R&D\kiosk` || config.Profile.ID != profile.ID || profile.Shell.DefaultAction.Action != "RestartShell" {
		t.Errorf("read %+v", read)
	}
	// A later installation has the account from there.
	if got := accountOf([]byte(text)); got != `R&D\kiosk` {
		t.Errorf("the account is %q", got)
	}
	for _, text := range []string{"", "<a/>", text[:len(text)/2], strings.Replace(text, "Configs>", "Others>", 2)} {
		if got := accountOf([]byte(text)); got != "" {
			t.Errorf("%q is the account of\n%s", got, text)
		}
	}
}
