package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
)

// windowsPackage makes the MSI, with wixl and msibuild of msitools.
func (b *build) windowsPackage(ctx context.Context, wanted []target) error {
	for _, t := range wanted {
		if t.os != "windows" {
			continue
		}
		stage := filepath.Join(b.work, "msi")
		if err := b.stage(stage, t); err != nil {
			return err
		}
		content, err := contentOf(stage)
		if err != nil {
			return err
		}
		out := filepath.Join(b.out, b.stem(t)+".msi")
		args := []string{"-a", "x64", "-D", "ProductCode=" + codeOf("product", content), "-D", "Version=" + b.windows, "-D", "FullVersion=" + b.version, "-o", out, "clinicgate.wxs"}
		if _, err := output(ctx, stage, []string{"TZ=UTC"}, "wixl", args...); err != nil { // a cabinet's times are local ones
			return fmt.Errorf("wixl (of the packages wixl and msitools): %w", err)
		}
		for _, query := range completeMSI(b.windows) {
			if said, err := output(ctx, "", nil, "msibuild", out, "-q", query); err != nil || strings.Contains(said, "failed") {
				return fmt.Errorf("%s: %w: %s", query, err, said)
			}
		}
		if err := fixSummary(out, "{"+codeOf("package", content)+"}", b.made); err != nil {
			return err
		}
		if err := b.authenticode(ctx, out); err != nil {
			return err
		}
	}
	return nil
}

// upgradeCode is the wxs file's: what all versions have in common.
const upgradeCode = "{7C1D0F52-6A6E-4B8E-9C57-0B4F6D2E51A3}"

// completeMSI sets what wixl 0.101 has no words for.
func completeMSI(version string) []string {
	return []string{
		"UPDATE `Component` SET `Condition`='START <> \"0\"' WHERE `Component`='Starter'",
		// Permanent: an uninstall leaves settings and data.
		"UPDATE `Component` SET `Attributes`=276 WHERE `Component`='Data'",
		// Builds of one day between two releases have one version: each replaces another.
		"DELETE FROM `Upgrade` WHERE `ActionProperty`='WIX_UPGRADE_DETECTED'",
		"INSERT INTO `Upgrade` (`UpgradeCode`, `VersionMax`, `Attributes`, `ActionProperty`) VALUES ('" + upgradeCode + "', '" + version + "', 513, 'WIX_UPGRADE_DETECTED')",
		// Immediate actions that set a property have no account to choose.
		"UPDATE `CustomAction` SET `Type`=51 WHERE `Action`='RememberConfig'",
		"UPDATE `CustomAction` SET `Type`=51 WHERE `Action`='DefaultConfig'",
		// Between InstallServices and StartServices; wixl counts sequences after all others.
		"UPDATE `InstallExecuteSequence` SET `Sequence`=5850 WHERE `Action`='CompleteService'",
		"UPDATE `InstallExecuteSequence` SET `Sequence`=5860 WHERE `Action`='RenewSession'",
		// While the program is still there. The file says After, as everywhere: of two actions
		// with Before, wixl takes now one and now the other first.
		"UPDATE `InstallExecuteSequence` SET `Sequence`=3450 WHERE `Action`='EndSession'",
		"UPDATE `Property` SET `Value`='WIX_UPGRADE_DETECTED;WIX_DOWNGRADE_DETECTED;START;CONFIG' WHERE `Property`='SecureCustomProperties'",
	}
}

// stage puts the files of the MSI where wixl looks for them, with the times that
// its cabinet gets.
func (b *build) stage(folder string, t target) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	from := func(name string) string { return filepath.Join(b.root, filepath.FromSlash(name)) }
	for name, source := range map[string]string{
		"clinicgate.wxs": from("packaging/windows/clinicgate.wxs"), "clinicgate.exe": b.program(t), "THIRD-PARTY-LICENSES.txt": b.licences(t),
		"LICENSE.txt": from("LICENSE"), "NOTICE.txt": from("NOTICE"), "CHANGELOG.txt": from("packaging/CHANGELOG.md"),
		"install.md": from("packaging/operator/install.md"), "acceptance.ps1": from("packaging/windows/acceptance.ps1"),
		"config.sample.toml": b.sample(t.os), "completion.ps1": b.paper("completion.ps1"),
	} {
		text, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		to := filepath.Join(folder, name)
		if err := os.WriteFile(to, text, 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(to, b.made, b.made); err != nil {
			return err
		}
	}
	return nil
}

// contentOf tells what is in a folder, so that codes made from it are the same for
// the same content, and others for another.
func contentOf(folder string) (string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, e := range entries {
		sum, err := sumOf(filepath.Join(folder, e.Name()))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&all, "%s %x\n", e.Name(), sum)
	}
	return all.String(), nil
}

func codeOf(what, content string) string {
	return strings.ToUpper(uuid.NewSHA1(uuid.NameSpaceURL, []byte("clinicgate msi "+what+"\n"+content)).String())
}
