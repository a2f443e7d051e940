package session

import (
	"path/filepath"
	"strings"
)

// pane is what a browser's window is to be.
type pane struct {
	first  string   // the address that it begins with; other accounts may see it
	origin string   // of the page, "http://127.0.0.1:8470"
	class  string   // by which the compositor knows it
	at     string   // "X,Y" of its display where there is no compositor of ours; empty: the first
	env    []string // of the compositor
	more   []string // arguments for the display system
}

// switches are what the kiosk's browser always gets. What a policy says too is said
// here for a machine on which nobody installed the policies.
var switches = []string{
	"--kiosk", "--no-first-run", "--no-default-browser-check", "--no-service-autorun",
	"--noerrdialogs", "--disable-session-crashed-bubble", "--hide-crash-restore-bubble",
	"--disable-breakpad", "--disable-crash-reporter", // no dumps: memory holds what patients say
	"--disable-extensions", "--disable-component-extensions-with-background-pages", "--disable-default-apps",
	"--disable-sync", "--disable-translate", "--disable-background-networking", "--disable-component-update", "--disable-domain-reliability", "--disable-client-side-phishing-detection", "--no-pings", "--disable-quic",
	"--disable-save-password-bubble", "--password-store=basic",
	"--disable-print-preview", "--disable-pinch", "--overscroll-history-navigation=0", "--disable-notifications", "--disable-prompt-on-repost", "--deny-permission-prompts",
	"--autoplay-policy=no-user-gesture-required", // the page is read aloud, and the board chimes
	"--disk-cache-size=8388608", "--media-cache-size=1048576", "--aggressive-cache-discard",
	"--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows", // a display that sleeps must not make the page look dead
	"--disable-features=" + strings.Join([]string{"Translate", "AutofillServerCommunication", "MediaRouter", "OptimizationHints", "InterestFeedContentSuggestions", "CalculateNativeWinOcclusion", "DialMediaRouteProvider", "TouchpadOverscrollHistoryNavigation", "GlobalMediaControls"}, ","),
}

// arguments are the words of the browser's command line but the address. No secret
// is among them.
func arguments(home string, p pane) []string {
	list := append([]string{"--user-data-dir=" + filepath.Join(home, "profile"), "--remote-debugging-pipe", "--class=" + p.class}, switches...)
	if p.at != "" {
		list = append(list, "--window-position="+p.at)
	}
	return append(list, p.more...)
}
