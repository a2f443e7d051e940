package door

import (
	"mime"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Class says who may ask for a route, and how. Checks are made in the order
// Host, path, method, fetch metadata and origin, the browser's pass; the first
// that fails answers.
type Class int

// The classes.
const (
	Asset    Class = iota // static files and words: no person in them
	Document              // a page that is navigated to, never framed
	Entrance              // the exchange of a launch token: a navigation
	Read                  // asked for by our own page
	Write                 // changes something
)

// PageHeader must be on every write. A form of another site cannot send it, and
// a script of another site would need a preflight that nobody answers.
const PageHeader = "Clinicgate-Page"

// contentSecurity allows our own files and nothing else: no inline script or
// style, no eval, no frame, no foreign address, no string turned into markup.
const contentSecurity = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
	"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
	"require-trusted-types-for 'script'; trusted-types 'none'"

// permissions switches off what the page has no use for.
const permissions = "accelerometer=(), autoplay=(self), browsing-topics=(), camera=(), display-capture=(), " +
	"geolocation=(), gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), midi=(), " +
	"payment=(), publickey-credentials-get=(), screen-wake-lock=(self), serial=(), usb=(), xr-spatial-tracking=()"

// WithCamera lets a document use camera and microphone, which are off otherwise. It is
// called before the document is written.
func WithCamera(h http.Header) {
	h.Set("Permissions-Policy", strings.NewReplacer("camera=()", "camera=(self)", "microphone=()", "microphone=(self)").Replace(permissions))
}

// setHeaders puts the same headers on every answer, errors included. There is
// no Strict-Transport-Security: the patient page is plain HTTP on loopback, and
// where the desk is served by TLS the board may be plain on another port of the
// same name, which the header would cut off.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", contentSecurity)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
	h.Set("Origin-Agent-Cluster", "?1")
	h.Set("Permissions-Policy", permissions)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
}

// Hosts decides which Host values are ours. Anything else is a name that
// somebody pointed at this machine (DNS rebinding).
type Hosts func(host string) bool

// LoopbackHosts accepts exactly the three ways to write this listener.
func LoopbackHosts(port string) Hosts {
	allowed := []string{"127.0.0.1:" + port, "localhost:" + port, "[::1]:" + port}
	if port == "80" { // browsers leave the default port out
		allowed = append(allowed, "127.0.0.1", "localhost", "[::1]")
	}
	return func(host string) bool { return slices.Contains(allowed, host) }
}

// ExactHosts accepts the given names and addresses with a port, and without one
// where it is the scheme's default.
func ExactHosts(names []string, port, defaultPort string) Hosts {
	var allowed []string
	for _, n := range names {
		if port == defaultPort {
			bare := n
			if strings.Contains(n, ":") {
				bare = "[" + n + "]"
			}
			allowed = append(allowed, bare)
		}
		allowed = append(allowed, net.JoinHostPort(n, port))
	}
	return func(host string) bool { return slices.Contains(allowed, host) }
}

// AnyAddress accepts addresses written as numbers, which no DNS answer can
// forge, and the names given in the config.
func AnyAddress(names []string) Hosts {
	return func(host string) bool {
		name := host
		if h, _, err := net.SplitHostPort(host); err == nil {
			name = h
		}
		if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
			return true
		}
		return name == "localhost" || slices.Contains(names, name)
	}
}

// admit decides by fetch metadata, origin and content type. It returns 0, or
// the status to answer with.
func (g *Gate) admit(r *http.Request, c Class) int {
	site, mode, dest := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Sec-Fetch-Mode"), r.Header.Get("Sec-Fetch-Dest")
	origin, hasOrigin := r.Header["Origin"]
	ours := len(origin) == 1 && origin[0] == g.scheme+"://"+r.Host
	switch c {
	case Document, Entrance:
		// A link on a foreign page may lead here: the cookie does not come with
		// it. A frame, an embed or a prefetch may not.
		if !absentOr(mode, "navigate") || !absentOr(dest, "document") || r.Header.Get("Sec-Purpose") != "" {
			return http.StatusForbidden
		}
	case Asset, Read:
		if !absentOr(site, "same-origin", "none") || hasOrigin && !ours {
			return http.StatusForbidden
		}
		if c == Read && !absentOr(site, "same-origin") {
			return http.StatusForbidden
		}
	case Write:
		if !absentOr(site, "same-origin") || !ours || g.crossOrigin.Check(r) != nil {
			return http.StatusForbidden
		}
		if r.Header.Get(PageHeader) != "1" {
			return http.StatusForbidden
		}
		if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
			return http.StatusUnsupportedMediaType
		}
	}
	return 0
}

func absentOr(got string, allowed ...string) bool { return got == "" || slices.Contains(allowed, got) }
