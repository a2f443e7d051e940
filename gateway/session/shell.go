package session

import (
	"encoding/xml"
	"strings"
)

// WindowsBinary is where the MSI puts the program.
const WindowsBinary = `C:\Program Files\clinicgate\clinicgate.exe`

// shellProfile names the profile within the file; any fixed one will do.
const shellProfile = "{4B1F0C52-6B57-4C0B-9A3D-5E0C7D1A8E21}"

// accountOf gives whose shell a configuration of ShellLauncher makes the session; ""
// where the text is none.
func accountOf(text []byte) string {
	var x struct {
		Account struct {
			Name string `xml:"Name,attr"`
		} `xml:"Configs>Config>Account"`
	}
	if xml.Unmarshal(text, &x) != nil {
		return ""
	}
	return x.Account.Name
}

// ShellLauncher is the configuration of Windows' Shell Launcher that makes the kiosk
// session an account's shell, started again however it ends, and leaves everybody
// else with the Explorer. The session in turn starts Edge. Its form:
// https://learn.microsoft.com/windows/configuration/shell-launcher/xsd.
func ShellLauncher(s Setup) string {
	line := `"` + s.Binary + `" kiosk-session`
	if s.ConfigPath != "" {
		line += ` --config "` + s.ConfigPath + `"`
	}
	text := func(s string) string {
		var b strings.Builder
		_ = xml.EscapeText(&b, []byte(s)) // a Builder takes all
		return b.String()
	}
	return strings.NewReplacer("PROFILE", shellProfile, "SHELL", text(line), "ACCOUNT", text(s.Account)).Replace(`<?xml version="1.0" encoding="utf-8"?>
<ShellLauncherConfiguration xmlns="http://schemas.microsoft.com/ShellLauncher/2018/Configuration" xmlns:V2="http://schemas.microsoft.com/ShellLauncher/2019/Configuration">
  <Profiles>
    <DefaultProfile>
      <Shell Shell="%SystemRoot%\explorer.exe"/>
    </DefaultProfile>
    <Profile Id="PROFILE">
      <Shell Shell="SHELL" V2:AppType="Desktop" V2:AllAppsFullScreen="true">
        <DefaultAction Action="RestartShell"/>
      </Shell>
    </Profile>
  </Profiles>
  <Configs>
    <Config>
      <Account Name="ACCOUNT"/>
      <Profile Id="PROFILE"/>
    </Config>
  </Configs>
</ShellLauncherConfiguration>
`)
}
