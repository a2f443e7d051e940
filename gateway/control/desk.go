package control

import (
	"context"
	"time"
)

// DeskPair asks for a code that pairs one browser with the desk.
type DeskPair struct {
	Name string `json:"name,omitempty"` // tells the browser from others
}

// DeskPairing is such a code. It is for the person at the browser, not for a log.
type DeskPairing struct {
	Code        string    `json:"code"`
	Expires     time.Time `json:"expires"`
	URLs        []string  `json:"urls"`        // where the browser goes
	Fingerprint string    `json:"fingerprint"` // SHA-256 of the certificate to compare
}

// DeskBrowsers are the paired browsers, the newest last.
type DeskBrowsers struct {
	Browsers []DeskBrowser `json:"browsers"`
}

// DeskBrowser is one of them.
type DeskBrowser struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"`
	Paired  time.Time `json:"paired"`
	By      string    `json:"by"`
	LastUse time.Time `json:"lastUse,omitzero"` // since the service started
	Staff   string    `json:"staff,omitempty"`  // who is logged in
}

// DeskRevoke takes a browser's key away.
type DeskRevoke struct {
	ID string `json:"id"`
}

// DeskPIN gives a member of staff a new PIN. It travels over the local channel
// only and is never logged.
type DeskPIN struct {
	Staff string `json:"staff"`
	PIN   string `json:"pin"`
}

// DeskCertificate is what the desk's computers may be told to trust.
type DeskCertificate struct {
	PEM         string `json:"pem"`
	Fingerprint string `json:"fingerprint"` // SHA-256
	Own         bool   `json:"own"`         // this kiosk is its authority
}

// DeskPair asks for a pairing code. A code given before is void.
func (c *Client) DeskPair(ctx context.Context, in DeskPair) (DeskPairing, error) {
	return call[DeskPairing](ctx, c, "desk/pair", in)
}

// DeskBrowsers lists the paired browsers.
func (c *Client) DeskBrowsers(ctx context.Context) (DeskBrowsers, error) {
	return call[DeskBrowsers](ctx, c, "desk/browsers", nil)
}

// DeskRevoke revokes a browser and gives those that are left.
func (c *Client) DeskRevoke(ctx context.Context, in DeskRevoke) (DeskBrowsers, error) {
	return call[DeskBrowsers](ctx, c, "desk/revoke", in)
}

// DeskPIN sets a PIN.
func (c *Client) DeskPIN(ctx context.Context, in DeskPIN) (None, error) {
	return call[None](ctx, c, "desk/pin", in)
}

// DeskCertificate gives the certificate to trust.
func (c *Client) DeskCertificate(ctx context.Context) (DeskCertificate, error) {
	return call[DeskCertificate](ctx, c, "desk/certificate", nil)
}
