package session

import (
	"encoding/json"
	"fmt"
)

// A policy is a setting that the browser takes from the machine's administrator and
// that no page, no key and no command line can undo.
type policy struct {
	name  string
	value any // bool, int, or list of strings
	only  family
	why   string
}

// family is whose policy it is; both where empty.
type family string

const (
	chromiums family = "chromium"
	edge      family = "edge"
)

// policies is the whole table, for the page's origin. Names and values:
// https://chromeenterprise.google/policies/ and
// https://learn.microsoft.com/deployedge/microsoft-edge-policies.
func policies(origin string) []policy {
	own := []string{origin}
	return []policy{
		{"URLBlocklist", []string{"*"}, "", "nothing but the page can be opened"},
		{"URLAllowlist", []string{origin, "data:*"}, "", "the page, and the one that asks for a moment"},
		{"DeveloperToolsAvailability", 2, "", "nobody looks into the page; the session's pipe does not need them"},
		{"VideoCaptureAllowed", false, "", "the camera is for the page only"},
		{"VideoCaptureAllowedUrls", own, "", "the page asks no patient for it"},
		{"AudioCaptureAllowed", false, "", "likewise the microphone"},
		{"AudioCaptureAllowedUrls", own, "", ""},
		{"DefaultGeolocationSetting", 2, "", "the page needs none of these"},
		{"DefaultNotificationsSetting", 2, "", ""},
		{"DefaultPopupsSetting", 2, "", ""},
		{"DefaultSensorsSetting", 2, "", ""},
		{"DefaultWebBluetoothGuardSetting", 2, "", ""},
		{"DefaultWebUsbGuardSetting", 2, "", ""},
		{"DefaultWebHidGuardSetting", 2, "", ""},
		{"DefaultSerialGuardSetting", 2, "", ""},
		{"DefaultFileSystemReadGuardSetting", 2, "", ""},
		{"DefaultFileSystemWriteGuardSetting", 2, "", ""},
		{"DefaultClipboardSetting", 2, "", ""},
		{"ScreenCaptureAllowed", false, "", ""},
		{"DownloadRestrictions", 3, "", "nothing is saved"},
		{"AllowFileSelectionDialogs", false, "", "no dialog shows the machine's files"},
		{"PrintingEnabled", false, "", "tickets come from the service"},
		{"SavingBrowserHistoryDisabled", true, "", "nothing of a visit is kept"},
		{"PasswordManagerEnabled", false, "", ""},
		{"AutofillAddressEnabled", false, "", "a patient's words are not offered to the next one"},
		{"AutofillCreditCardEnabled", false, "", ""},
		{"SyncDisabled", true, "", "nothing leaves for somebody's account"},
		{"BrowserSignin", 0, "", ""},
		{"BrowserGuestModeEnabled", false, "", ""},
		{"BrowserAddPersonEnabled", false, chromiums, ""},
		{"BrowserAddProfileEnabled", false, edge, ""},
		{"IncognitoModeAvailability", 1, chromiums, ""},
		{"InPrivateModeAvailability", 1, edge, ""},
		{"BookmarkBarEnabled", false, chromiums, ""},
		{"FavoritesBarEnabled", false, edge, ""},
		{"EditBookmarksEnabled", false, chromiums, ""},
		{"ExtensionInstallBlocklist", []string{"*"}, "", "no program comes in between"},
		{"TranslateEnabled", false, "", "the page has its own languages, and text must not leave"},
		{"SpellcheckEnabled", false, "", ""},
		{"SearchSuggestEnabled", false, "", "what is typed stays here"},
		{"NetworkPredictionOptions", 2, "", ""},
		{"MetricsReportingEnabled", false, chromiums, "no dump and no report leaves"},
		{"DiagnosticData", 0, edge, ""},
		{"SafeBrowsingProtectionLevel", 0, chromiums, "the only page is our own"},
		{"SmartScreenEnabled", false, edge, ""},
		{"BackgroundModeEnabled", false, "", "what is ended is gone"},
		{"ComponentUpdatesEnabled", false, "", "nothing is fetched; the package manager updates the browser"},
		{"DefaultBrowserSettingEnabled", false, "", ""},
		{"TaskManagerEndProcessEnabled", false, chromiums, ""},
		{"HideFirstRunExperience", true, edge, "Edge's own surroundings are off"},
		{"HubsSidebarEnabled", false, edge, ""},
		{"EdgeShoppingAssistantEnabled", false, edge, ""},
		{"PersonalizationReportingEnabled", false, edge, ""},
		{"StartupBoostEnabled", false, edge, ""},
	}
}

// PolicyFile is the table as Chromium and Chrome on Linux read it, below
// policies/managed.
func PolicyFile(origin string) string {
	all := map[string]any{}
	for _, p := range policies(origin) {
		if p.only != edge {
			all[p.name] = p.value
		}
	}
	text, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("session: a policy does not marshal: %v", err))
	}
	return string(text) + "\n"
}
