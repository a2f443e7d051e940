//go:build e2e

package packaging_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// What Windows will do with the MSI and Wine does not show, by its tables.
func TestMSITables(t *testing.T) {
	file := one(t, packages(t, now), "*.msi")
	for table, lines := range map[string][]string{
		"ServiceInstall": {"ServiceInstall\tclinicgate\tclinicgate\t16\t2\t1\t\t\tNT SERVICE\\clinicgate\t\trun --service --config \"[CONFIG]\"\tProgram\t"},
		// Stopped at install and uninstall (2, 32) and deleted (128), and that is waited for; started (1), which is not.
		"ServiceControl": {"ServiceStop\tclinicgate\t162\t\t1\tProgram", "ServiceStart\tclinicgate\t1\t\t0\tStarter"},
		// Deferred (1024), as the system and not the user (2048), a program that is installed (18); its failure ends the installation.
		"CustomAction": {
			"CompleteService\t3090\tclinicgate.exe\tservice install --config \"[CONFIG]\"", "EndSession\t3154\tclinicgate.exe\tkiosk-session uninstall --config \"[CONFIG]\"", // likewise; its failure keeps nobody from a removal (64)
			"RenewSession\t3154\tclinicgate.exe\tkiosk-session install --renew --config \"[CONFIG]\"",
			"RememberConfig\t51\tCONFIG\t[CONFIGBEFORE]", "DefaultConfig\t51\tCONFIG\t[CommonAppDataFolder]clinicgate\\config.toml",
		},
		"InstallExecuteSequence": {"AppSearch\t\t50", "RememberConfig\tNOT CONFIG AND CONFIGBEFORE\t51", "DefaultConfig\tNOT CONFIG\t52", "RemoveExistingProducts\t\t1401",
			"EndSession\tREMOVE=\"ALL\" AND NOT UPGRADINGPRODUCTCODE\t3450", "RemoveFiles\t\t3500",
			"InstallServices\t\t5800", "CompleteService\tNOT REMOVE\t5850", "RenewSession\tWIX_UPGRADE_DETECTED AND NOT REMOVE\t5860", "StartServices\tVersionNT\t5900"},
		"Component":       {"Starter\t{1F0B2A4C-0C0E-4E39-8D2B-5B5F6C1A7E02}\tINSTALLDIR\t260\tSTART <> \"0\"\tStarted", "Data\t{1F0B2A4C-0C0E-4E39-8D2B-5B5F6C1A7E06}\tDATAROOT\t276\t\tFolder"},
		"Upgrade":         {"{7C1D0F52-6A6E-4B8E-9C57-0B4F6D2E51A3}\t\t" + now + "\t\t513\t\tWIX_UPGRADE_DETECTED", "{7C1D0F52-6A6E-4B8E-9C57-0B4F6D2E51A3}\t" + now + "\t\t\t2\t\tWIX_DOWNGRADE_DETECTED"},
		"LaunchCondition": {"NOT WIX_DOWNGRADE_DETECTED\t"},
		"Property":        {"ALLUSERS\t1", "ProductVersion\t" + now, "SecureCustomProperties\tWIX_UPGRADE_DETECTED;WIX_DOWNGRADE_DETECTED;START;CONFIG"},
		"RegLocator":      {"ConfigBefore\t2\tSOFTWARE\\clinicgate\tConfig\t18"},
		"Registry":        {"EventTypes\t2\tSYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\clinicgate\tTypesSupported\t#7\tEventSource"},
		"CreateFolder":    {"DATAROOT\tData"},
	} {
		out, err := exec.Command("msiinfo", "export", file, table).Output()
		if err != nil {
			t.Fatalf("%s: %v", table, err)
		}
		text := "\n" + strings.ReplaceAll(string(out), "\r", "")
		for _, line := range lines {
			if !strings.Contains(text, "\n"+line) {
				t.Errorf("%s has no line %q:\n%s", table, line, text)
			}
		}
	}
	out, err := exec.Command("msiinfo", "suminfo", file).Output()
	if err != nil || !strings.Contains(string(out), "Template: x64;1033") || !strings.Contains(string(out), "Version: 500") {
		t.Errorf("summary: %v\n%s", err, out)
	}
}

// parse tells where the grammar finds no PowerShell in the files that it is given.
const parse = `import { readFileSync } from 'node:fs';
import { Parser, Language } from 'web-tree-sitter';
await Parser.init();
const parser = new Parser();
parser.setLanguage(await Language.load('node_modules/tree-sitter-powershell/tree-sitter-powershell.wasm'));
const look = (file, n) => {
	if (n.isError || n.isMissing) {
		console.log(file + ':' + (n.startPosition.row + 1) + ': ' + n.text.slice(0, 80));
		process.exitCode = 1;
	}
	for (const c of n.children) look(file, c);
};
for (const file of process.argv.slice(2)) look(file, parser.parse(readFileSync(file, 'utf8')).rootNode);
`

// What is written in PowerShell is at least that, by a grammar from npm.
func TestPowerShellParses(t *testing.T) {
	dir := t.TempDir()
	npm := exec.Command("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir, "tree-sitter-powershell@0.26.4", "web-tree-sitter@0.27.1")
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	script, err := filepath.Abs("windows/acceptance.ps1")
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(dir, "broken.ps1")
	for name, text := range map[string]string{"parse.mjs": parse, "broken.ps1": "Check 'it runs' { Running \n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(file string) (string, error) {
		cmd := exec.Command("node", "parse.mjs", file)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := read(script); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := read(broken); err == nil {
		t.Error("what is not PowerShell is found to be")
	}
}

// The MSI under Wine: install, service, check-in, stop, upgrade, remove.
func TestWine(t *testing.T) {
	w := newWine(t)
	old, next := w.msi(one(t, packages(t, before), "*.msi")), w.msi(one(t, packages(t, now), "*.msi"))
	w.replaced(old)
	page := freeAddress(t)
	data := filepath.Join(w.drive, "ProgramData", "clinicgate")
	k := &kiosk{t: t, config: filepath.Join(data, "config.toml")}
	k.run = func(stdin string, args ...string) (string, error) {
		return w.run(stdin, `C:\Program Files\clinicgate\clinicgate.exe`, args...)
	}
	k.write = w.write
	is := func(state string) {
		t.Helper()
		eventually(t, time.Minute, "the service is "+state, func() error {
			out, _ := w.run("", "sc", "query", "clinicgate")
			if !strings.Contains(out, state) {
				return fmt.Errorf("it is %s", strings.Join(strings.Fields(out), " "))
			}
			return nil
		})
	}
	key := func(name string) string {
		out, _ := w.run("", "reg", "query", name)
		return out
	}

	w.must("msiexec", "/i", old, "/qn", "START=0")
	is("STOPPED")
	service := key(`HKLM\System\CurrentControlSet\Services\clinicgate`)
	for _, want := range []string{`ObjectName +REG_SZ +NT SERVICE\\clinicgate`, `Start +REG_DWORD +0x2`, `ImagePath .*clinicgate.exe"? run --service --config "?C:\\ProgramData\\clinicgate\\config.toml`} {
		if !regexp.MustCompile(want).MatchString(service) {
			t.Errorf("the service has no %s:\n%s", want, service)
		}
	}
	if out := key(`HKLM\System\CurrentControlSet\Services\EventLog\Application\clinicgate`); !strings.Contains(out, "EventCreate.exe") {
		t.Errorf("no source in the Event Log:\n%s", out)
	}
	w.must(`C:\Program Files\clinicgate\clinicgate.exe`, "config", "init", "--path", `C:\t\sample.toml`)
	if shipped, fresh := w.read("Program Files/clinicgate/config.sample.toml"), w.read("t/sample.toml"); shipped != fresh {
		t.Errorf("the sample config is not what `config init` writes here:\n%s\n%s", shipped, fresh)
	}
	if text := w.read("Program Files/clinicgate/completion.ps1"); !strings.Contains(text, "Register-ArgumentCompleter -CommandName 'clinicgate'") {
		t.Errorf("PowerShell completes nothing by\n%s", text)
	}
	k.setUp("web.listen="+page, "mqtt.listen=")
	k.keys(`C:\t\shared.json`, `C:\t\maker.pem`)
	w.must("net", "start", "clinicgate")
	k.launch()
	is("RUNNING")
	k.people(`C:\t\shared.json`, `C:\t\maker.pem`, 9)
	if ticket := k.next(); ticket != "A-001" {
		t.Errorf("number %s", ticket)
	}
	begun := time.Now()
	w.must("net", "stop", "clinicgate")
	is("STOPPED")
	t.Logf("stopped within %.1f s", time.Since(begun).Seconds())
	k.must("", "service", "stop") // it is already
	k.must("", "service", "restart")
	if ticket := k.next(); ticket != "A-002" {
		t.Errorf("number %s", ticket)
	}

	k.must("", "kiosk-session", "install", "--account", "kiosk")
	const policies = `HKLM\SOFTWARE\Policies\Microsoft\Edge\URLBlocklist`
	// What an older version, or somebody's hand, left there is brought in order.
	w.must("reg", "add", policies, "/v", "1", "/d", "https://forgotten.example", "/f")
	settings, err := os.ReadFile(k.config)
	if err != nil {
		t.Fatal(err)
	}
	w.must("msiexec", "/i", next, "/qn")
	if left := key(policies); !strings.Contains(left, "REG_SZ") || strings.Contains(left, "forgotten") {
		t.Errorf("the upgrade did not renew the browser's policies:\n%s", left)
	}
	if out := k.must("", "version"); !strings.Contains(out, now) {
		t.Errorf("after the upgrade: %s", out)
	}
	if after, err := os.ReadFile(k.config); err != nil || string(after) != string(settings) {
		t.Errorf("settings changed: %v", err)
	}
	if ticket := k.next(); ticket != "A-003" { // it was started by the upgrade
		t.Errorf("number %s", ticket)
	}
	is("RUNNING")
	if got := k.waiting(); got != "A-001 A-002 A-003" {
		t.Errorf("who waits: %s", got)
	}

	w.must("msiexec", "/x", next, "/qn")
	if out, _ := w.run("", "sc", "query", "clinicgate"); strings.Contains(out, "STATE") {
		t.Errorf("the service is there after the removal:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(w.drive, "Program Files", "clinicgate", "clinicgate.exe")); err == nil {
		t.Error("the program is there after the removal")
	}
	if left := key(policies); strings.Contains(left, "REG_SZ") {
		t.Errorf("the browser of a kiosk that is none any more is locked down:\n%s", left)
	}
	if _, err := os.Stat(filepath.Join(data, "kiosk-shell.xml")); err == nil {
		t.Error("Shell Launcher's file is there after the removal")
	}
	for _, name := range []string{"config.toml", "data/keyring.a", "data/store.db"} {
		if _, err := os.Stat(filepath.Join(data, name)); err != nil {
			t.Errorf("the removal took %s: %v", name, err)
		}
	}
}

// What the service tells the manager of Windows, by tests that nothing else runs there.
func TestWineService(t *testing.T) {
	w := newWine(t)
	build := exec.Command("go", "test", "-c", "-o", filepath.Join(w.drive, "t", "service.test.exe"), "./gateway/service")
	build.Dir, build.Env = "..", append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Log(w.must(`C:\t\service.test.exe`, "-test.v", "-test.run", "^(TestStopAskedFor|TestEndsByItself)$"))
}

// A stop in which a part never ends is over all the same, as one that was asked for.
func TestWineStop(t *testing.T) {
	w := newWine(t)
	source, err := filepath.Abs("../cmd/clinicgate/run.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	const last = "\t\t\treturn errors.Join(err, shown, log.Close())\n"
	if strings.Count(string(text), last) != 1 {
		t.Fatalf("%s has not %q once: the test must be told of the new source", source, last)
	}
	changed, overlay := filepath.Join(t.TempDir(), "run.go"), filepath.Join(t.TempDir(), "overlay.json")
	err = errors.Join(os.WriteFile(changed, []byte(strings.Replace(string(text), last, "\t\t\tselect {}\n"+last, 1)), 0o600),
		os.WriteFile(overlay, fmt.Appendf(nil, `{"Replace": {%q: %q}}`, source, changed), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	const program = `C:\t\clinicgate.exe`
	build := exec.Command("go", "build", "-overlay", overlay, "-o", filepath.Join(w.drive, "t", "clinicgate.exe"), "./cmd/clinicgate")
	build.Dir, build.Env = "..", append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	k := &kiosk{t: t, config: filepath.Join(w.drive, "ProgramData", "clinicgate", "config.toml")}
	k.run = func(stdin string, args ...string) (string, error) { return w.run(stdin, program, args...) }
	k.write = w.write
	k.setUp("web.listen="+freeAddress(t), "mqtt.listen=")
	k.keys(`C:\t\shared.json`, `C:\t\maker.pem`)
	k.must("", "service", "install")
	k.must("", "service", "start")
	k.launch() // it serves
	w.must("sc", "stop", "clinicgate")
	eventually(t, time.Minute, "the service stopped, and did not fail", func() error {
		out, _ := w.run("", "sc", "query", "clinicgate")
		if !regexp.MustCompile(`STATE +: 1 +STOPPED\s+WIN32_EXIT_CODE +: 0 `).MatchString(out) {
			return errors.New(strings.Join(strings.Fields(out), " "))
		}
		return nil
	})
	k.must("", "service", "restart")
	k.launch()
}

// wine is a Windows that is made for one test.
type wine struct {
	t     *testing.T
	drive string // its C:
	env   []string
}

// shim is a library that every Windows has and Wine 8 has not: Go's random numbers
// come from it.
const shim = `#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE p, SIZE_T n) { return SystemFunction036(p, (ULONG)n); }
`

func newWine(t *testing.T) *wine {
	t.Helper()
	prefix, err := os.MkdirTemp("", "cgw-")
	if err != nil {
		t.Fatal(err)
	}
	w := &wine{t: t, drive: filepath.Join(prefix, "drive_c"), env: append(os.Environ(), "WINEPREFIX="+prefix, "WINEDEBUG=-all", "DISPLAY=")}
	t.Cleanup(func() {
		stop := exec.Command(wineserver(), "-k") // of this prefix
		stop.Env = w.env
		_ = stop.Run()
		_ = os.RemoveAll(prefix)
	})
	w.must("wineboot", "-i")
	// Without any program Wine ends, and the next one is a reboot that starts services:
	// this one stays until its standard input ends.
	stays := exec.Command("wine", "cmd")
	stays.Env = w.env
	in, err := stays.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := stays.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = stays.Wait() })
	source, library := filepath.Join(prefix, "shim.c"), filepath.Join(w.drive, "windows", "system32", "bcryptprimitives.dll")
	if err := os.WriteFile(source, []byte(shim), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("x86_64-w64-mingw32-gcc-win32", "-shared", "-O2", "-s", "-o", library, source, "-ladvapi32").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Mkdir(filepath.Join(w.drive, "t"), 0o755); err != nil {
		t.Fatal(err)
	}
	return w
}

// wineserver gives the program that ends a Wine; Debian keeps it out of the way.
func wineserver() string {
	if path, err := exec.LookPath("wineserver"); err == nil {
		return path
	}
	return "/usr/lib/wine/wineserver64"
}

// msi copies an MSI into Wine.
func (w *wine) msi(path string) string {
	w.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	name := filepath.Base(filepath.Dir(path)) + ".msi"
	if err := os.WriteFile(filepath.Join(w.drive, "t", name), text, 0o600); err != nil {
		w.t.Fatal(err)
	}
	return `C:\t\` + name
}

// replaced tells an MSI in Wine what Windows tells one that is removed since another
// version comes; Wine 8 does not.
func (w *wine) replaced(msi string) {
	w.t.Helper()
	file := filepath.Join(w.drive, "t", strings.TrimPrefix(msi, `C:\t\`))
	if out, err := exec.Command("msibuild", file, "-q", "INSERT INTO `Property` (`Property`, `Value`) VALUES ('UPGRADINGPRODUCTCODE', '{00000000-0000-0000-0000-000000000001}')").CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
}

// write puts a file into C:\t.
func (w *wine) write(name, text string) string {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.drive, "t", name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return `C:\t\` + name
}

func (w *wine) run(stdin, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(w.t.Context(), "wine", append([]string{name}, args...)...)
	cmd.Env, cmd.Stdin = w.env, strings.NewReader(stdin)
	var told strings.Builder
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, told.String())
	}
	return string(out), err
}

// read gives a file of C:.
func (w *wine) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.drive, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

func (w *wine) must(name string, args ...string) string {
	w.t.Helper()
	out, err := w.run("", name, args...)
	if err != nil {
		w.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return out
}
