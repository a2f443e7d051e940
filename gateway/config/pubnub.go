package config

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

// PubNub says where PubNub is, which keyset is used and how the network is
// passed. Publish and subscribe keys are identifiers, not secrets.
type PubNub struct {
	Origin               string   `toml:"origin"`
	Secure               bool     `toml:"secure"`
	PublishKey           string   `toml:"publish_key"`
	SubscribeKey         string   `toml:"subscribe_key"`
	UserID               string   `toml:"user_id"`
	TokenFile            string   `toml:"token_file"`
	Proxy                string   `toml:"proxy"`
	NoProxy              []string `toml:"no_proxy"`
	ProxyCredentialsFile string   `toml:"proxy_credentials_file"`
	CAFile               string   `toml:"ca_file"`
}

// User returns the user id that this kiosk has on PubNub: user_id, or the
// kiosk's id where that is empty.
func (c Config) User() string {
	if c.PubNub.UserID != "" {
		return c.PubNub.UserID
	}
	return c.Kiosk.ID
}

var keyForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

func (p PubNub) validate(_ *Config, r *report) {
	host, ok := originHost(p.Origin)
	if !ok {
		r.bad("pubnub.origin", p.Origin, "a host name or host:port without https://", "PubNub's own is \"ps.pndsn.com\"")
	} else if !p.Secure && !isLoopback(host) {
		r.bad("pubnub.secure", "false", "true, but for an origin on this machine", "without TLS anybody on the path sees which kiosk talks to which channels")
	}
	keysetKey(r, "pubnub.publish_key", p.PublishKey)
	keysetKey(r, "pubnub.subscribe_key", p.SubscribeKey)
	if p.UserID != "" && !idForm.MatchString(p.UserID) {
		r.bad("pubnub.user_id", p.UserID, idAllowed, "leave it empty to use kiosk.id")
	}
	if p.Proxy != "" {
		if u, err := url.Parse(p.Proxy); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" {
			r.bad("pubnub.proxy", p.Proxy, "http://host:port or https://host:port", "")
		} else if u.User != nil {
			r.bad("pubnub.proxy", p.Proxy, "an address without user and password", "put \"user:password\" on one line of a file and name it in pubnub.proxy_credentials_file")
		}
	}
	for _, n := range p.NoProxy {
		if n == "" || strings.ContainsAny(n, " \t/:") && !isPrefix(n) {
			r.bad("pubnub.no_proxy", n, "host names, .domain suffixes, IP addresses or networks such as 10.0.0.0/8", "")
		}
	}
	if p.ProxyCredentialsFile != "" && p.Proxy == "" {
		r.bad("pubnub.proxy_credentials_file", p.ProxyCredentialsFile, "used only together with pubnub.proxy", "set pubnub.proxy, or remove this line")
	}
}

func keysetKey(r *report, path, key string) {
	switch {
	case key == "":
		r.missing(path, "the keyset's "+strings.ReplaceAll(strings.TrimPrefix(path, "pubnub."), "_", " ")+", from PubNub's admin portal")
	case strings.HasPrefix(key, secretKeyPrefix):
		r.bad(path, key, "a publish or subscribe key", "this is the keyset's secret key; it must never be on a kiosk. Rotate it")
	case !keyForm.MatchString(key):
		r.bad(path, key, "the characters A-Z a-z 0-9 _ -", "")
	}
}

func originHost(origin string) (host string, ok bool) {
	if strings.ContainsAny(origin, "/@?# \t") || origin == "" {
		return "", false
	}
	u, err := url.Parse("//" + origin)
	if err != nil || u.Hostname() == "" {
		return "", false
	}
	return u.Hostname(), true
}

func isPrefix(s string) bool {
	if _, err := netip.ParsePrefix(s); err == nil {
		return true
	}
	return net.ParseIP(s) != nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
