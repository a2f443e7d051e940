package pubnub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	sdk "github.com/pubnub/go/v7"
)

// Config says how to reach PubNub. Zero durations mean the defaults named here.
type Config struct {
	Origin       string // host or host:port; default ps.pndsn.com
	Insecure     bool   // plain http, for an emulator on loopback
	PublishKey   string
	SubscribeKey string
	UserID       string        // this kiosk; not about a person
	Token        func() string // asked for each request; nil: no Access Manager

	Proxy  Proxy
	CAFile string           // PEM file of CAs to trust beside the system's
	Clock  func() time.Time // for certificates; default: the system clock, but not before the build

	ConnectTimeout time.Duration // TCP and TLS, each; default 10 s
	RequestTimeout time.Duration // a whole request but the poll; default 15 s

	// PollTimeout ends a poll that brought nothing, which is normal. The
	// default of 50 s comes before middleboxes cut it (60 s is common).
	PollTimeout time.Duration
	PollSpacing time.Duration // least time between the starts of two polls; default 100 ms
	RetryMin    time.Duration // first wait after a failed poll; default 250 ms
	RetryMax    time.Duration // longest wait after failed polls; default 3 s
	DeniedWait  time.Duration // wait after a refusal, unless the token changes; default 30 s

	Logger *slog.Logger // default: none
}

const userIDLimit = 92 // characters; also of a channel name

// Client talks to one keyset of PubNub as one user. Its methods are safe for
// concurrent use and return *Error.
type Client struct {
	cfg       Config
	log       *slog.Logger
	base      string // scheme://host
	network   *http.Transport
	transport *transport
	traffic   traffic
	link      *link
	walks     walks

	ctx    context.Context // ended by Close
	cancel context.CancelFunc

	sdkMu sync.Mutex
	sdk   *sdk.PubNub // made at first use
}

// New checks the config and reads the CA file. It starts nothing.
func New(cfg Config) (*Client, error) {
	cfg.Origin = cmp.Or(cfg.Origin, "ps.pndsn.com")
	setDefault(&cfg.ConnectTimeout, 10*time.Second)
	setDefault(&cfg.RequestTimeout, 15*time.Second)
	setDefault(&cfg.PollTimeout, 50*time.Second)
	setDefault(&cfg.PollSpacing, 100*time.Millisecond)
	setDefault(&cfg.RetryMin, 250*time.Millisecond)
	setDefault(&cfg.RetryMax, 3*time.Second)
	setDefault(&cfg.DeniedWait, 30*time.Second)
	if cfg.Clock == nil {
		cfg.Clock = clock
	}
	if cfg.Token == nil {
		cfg.Token = func() string { return "" }
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	scheme := "https"
	if cfg.Insecure {
		scheme = "http"
	}
	base, err := url.Parse(scheme + "://" + cfg.Origin)
	switch {
	case err != nil || base.Host != cfg.Origin || base.Hostname() == "":
		return nil, errors.New("pubnub origin: must be host or host:port, without a scheme")
	case !isKey(cfg.PublishKey):
		return nil, errors.New("pubnub publish key: missing or malformed")
	case !isKey(cfg.SubscribeKey):
		return nil, errors.New("pubnub subscribe key: missing or malformed")
	case !isName(cfg.UserID):
		return nil, fmt.Errorf("pubnub user id: must be 1 to %d characters without , : * / \\ and spaces", userIDLimit)
	}
	c := &Client{cfg: cfg, log: cfg.Logger, base: base.String(), link: newLink()}
	if c.network, err = newNetwork(cfg, &c.traffic); err != nil {
		return nil, fmt.Errorf("pubnub: %w", err)
	}
	c.transport = &transport{network: c.network, token: cfg.Token}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

func setDefault(d *time.Duration, to time.Duration) {
	if *d <= 0 {
		*d = to
	}
}

// Close ends every request and subscription. Later calls fail with
// ReasonClosed. It may be called twice.
func (c *Client) Close() {
	c.cancel()
	c.sdkMu.Lock()
	defer c.sdkMu.Unlock()
	destroy(c.sdk)
	c.sdk = nil
	c.network.CloseIdleConnections()
}

// Link reports whether the last word from the network was good, and gives a
// channel that is closed when that changes or Wake is called. Who waits with a
// backoff for a network waits for it as well, and asks again after it.
func (c *Client) Link() (up bool, changed <-chan struct{}) {
	up, ctx := c.link.state()
	return up, ctx.Done()
}

// Wake says that the system's network changed: waits are cut short and
// connections are made anew.
func (c *Client) Wake() {
	c.network.CloseIdleConnections()
	c.link.wake()
}

// Traffic gives the bytes sent and received since New, on the network.
func (c *Client) Traffic() (sent, received int64) {
	return c.traffic.sent.Load(), c.traffic.received.Load()
}

// Time asks for PubNub's clock. Over TLS it can be trusted; it was read at
// some moment during the call.
func (c *Client) Time(ctx context.Context) (time.Time, error) {
	x := &exchange{op: "time", anonymous: true}
	var now Timetoken
	err := c.rest(ctx, x, request{path: "/time/0"}, func(body []byte) (err error) {
		now, err = parseTime(body)
		return err
	})
	if err != nil {
		return time.Time{}, err
	}
	return now.Time(), nil
}

// isName says whether s can be a channel or a user id.
func isName(s string) bool {
	return s != "" && utf8.ValidString(s) && utf8.RuneCountInString(s) <= userIDLimit &&
		!strings.ContainsFunc(s, func(r rune) bool {
			return strings.ContainsRune(`,:*/\`, r) || unicode.IsSpace(r) || unicode.IsControl(r)
		}) && s != "." && s != ".."
}

func isKey(s string) bool {
	return isName(s) && url.PathEscape(s) == s
}
