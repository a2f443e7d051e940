package packaging_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestAcceptanceNames: what the script for a real Windows looks for by name is what the
// MSI and `clinicgate service install` make.
func TestAcceptanceNames(t *testing.T) {
	read := func(path string) string {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	script, wxs := read("windows/acceptance.ps1"), read("windows/clinicgate.wxs")
	from := func(text, pattern string) string {
		t.Helper()
		m := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("nothing is like %s", pattern)
		}
		return m[1]
	}
	folder := from(wxs, `Id="INSTALLDIR" Name="([^"]+)"`)
	service, account := from(wxs, `<ServiceInstall [^>]*\bName="([^"]+)"`), from(wxs, `<ServiceInstall [^>]*\bAccount="([^"]+)"`)
	defaults, install := read("../gateway/config/default_windows.go"), read("../gateway/service/install_windows.go")
	data := from(install, "dataRoot += `([^`]+)`")
	for _, want := range []string{
		`$program = 'C:\Program Files\` + folder + `\` + from(wxs, `<File Id="clinicgate.exe" Name="([^"]+)"`) + `'`,
		`$data = '` + data + `'`,
		`$config = "$data` + strings.TrimPrefix(from(defaults, "DefaultPath = `([^`]+)`"), data) + `"`,
		`"$data` + strings.TrimPrefix(from(defaults, "defaultDataDir += `([^`]+)`"), data) + `\keyring.a"`,
		`$service = 'HKLM:\SYSTEM\CurrentControlSet\Services\` + service + `'`,
		`Win32_Service -Filter "Name='` + service + `'"`,
		`StartName -eq '` + account + `'`,
		`$source = 'HKLM:\` + from(wxs, `Id="EventFile" Root="HKLM" Key="([^"]+)"`) + `'`,
		`ProviderName = '` + service + `'`,
		`DisplayName -eq '` + from(wxs, `<Product [^>]*\bName="([^"]+)"`) + `'`,
		"http://" + from(read("../gateway/config/config.go"), `Web{Listen: "([^"]+)"`) + "/",
	} {
		if !strings.Contains(script, want) {
			t.Errorf("the script does not say %s", want)
		}
	}
	for _, word := range regexp.MustCompile(`'([A-Z]+)=`).FindAllStringSubmatch(script, -1) { // given to msiexec
		if !strings.Contains(wxs, `<Property Id="`+word[1]+`"`) {
			t.Errorf("the MSI has no property %s", word[1])
		}
	}
	// The numbers that it looks for in the service's recovery actions.
	for _, made := range []string{"Delay: time.Second}", "Delay: 5 * time.Second}", "Delay: time.Minute}", "resetAfter = 24 * time.Hour", "2 * stopBound.Milliseconds()"} {
		if !strings.Contains(install, made) {
			t.Errorf("the service is not made with %s", made)
		}
	}
}
