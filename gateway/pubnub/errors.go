package pubnub

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

var (
	// ErrConflict says that metadata was changed by somebody else since it was read.
	ErrConflict = errors.New("changed by somebody else")
	// ErrNotFound says that there is no such metadata.
	ErrNotFound = errors.New("not found")
)

// Class says what to do about an Error.
type Class uint8

const (
	Temporary Class = iota + 1 // not done; try again with a backoff
	Throttled                  // not done; try again after RetryAfter, or later
	Denied                     // not done; a new token or the right keys are needed, so keep the message
	Refused                    // not done, and never will be: set the message aside
	Unknown                    // perhaps done: send the same bytes again
	Canceled                   // not done; the caller gave up
)

// String gives the class as a word for logs and metrics.
func (c Class) String() string {
	switch c {
	case Temporary:
		return "temporary"
	case Throttled:
		return "throttled"
	case Denied:
		return "denied"
	case Refused:
		return "refused"
	case Unknown:
		return "unknown outcome"
	case Canceled:
		return "canceled"
	}
	return "class " + strconv.Itoa(int(c))
}

// Reason is a short word for what went wrong, for doctor and metrics.
type Reason string

const (
	ReasonName        Reason = "name-not-found"
	ReasonTimeout     Reason = "timeout"
	ReasonConnection  Reason = "connection"
	ReasonCertificate Reason = "certificate"
	ReasonNotTLS      Reason = "not-tls"
	ReasonProxy       Reason = "proxy"
	ReasonForeign     Reason = "not-pubnub" // a captive portal, a filter, a wrong origin
	ReasonAnswer      Reason = "unexpected-answer"
	ReasonTooLarge    Reason = "too-large"
	ReasonBadName     Reason = "bad-name" // of a channel or user
	ReasonKeys        Reason = "keys"
	ReasonStatus      Reason = "status" // see Error.Status
	ReasonContext     Reason = "context"
	ReasonClosed      Reason = "closed"
)

// Error is every error of a Client's calls. Nothing in it, and nothing it
// wraps, holds an address, token, key or payload.
type Error struct {
	Op         string // publish, history, ...
	Class      Class
	Reason     Reason
	Status     int           // HTTP status, 0 when there was no answer
	RetryAfter time.Duration // what the service asked for; 0: nothing

	wraps error // ErrConflict, ErrNotFound, or the context's error
}

func (e *Error) Error() string {
	if e.Status != 0 {
		return fmt.Sprintf("pubnub %s: %v (%s, status %d)", e.Op, e.Class, e.Reason, e.Status)
	}
	return fmt.Sprintf("pubnub %s: %v (%s)", e.Op, e.Class, e.Reason)
}

// Unwrap gives ErrConflict, ErrNotFound, the context's error, or nil.
func (e *Error) Unwrap() error { return e.wraps }

// Hint tells a technician the next step.
func (e *Error) Hint() string {
	switch e.Reason {
	case ReasonName:
		return "check the DNS server of this machine and pubnub.origin in the config"
	case ReasonTimeout, ReasonConnection:
		return "check the network cable or Wi-Fi, the firewall (TCP 443 outward) and the proxy settings"
	case ReasonCertificate:
		return "check this machine's clock; if the clinic inspects TLS, set pubnub.ca_file to its CA"
	case ReasonNotTLS, ReasonForeign:
		return "something else answers in PubNub's place: sign in to the network's portal, or allow the origin in the filter"
	case ReasonProxy:
		return "check pubnub.proxy and the proxy's user and password"
	case ReasonKeys:
		return "check pubnub.publish_key and pubnub.subscribe_key"
	case ReasonTooLarge:
		return "the message exceeds what PubNub takes: see the quarantine"
	}
	switch e.Class {
	case Denied:
		return "get a new token for this kiosk"
	case Throttled, Temporary, Unknown:
		return "nothing to do: it is tried again"
	}
	return ""
}

// statusError classifies an answer that is not a success. Only PubNub's own
// word, which is JSON, may refuse a message or a token: a filter's page must
// not send a clinic's queue to quarantine.
func statusError(x *exchange) *Error {
	e := &Error{Op: x.op, Status: x.status, Reason: ReasonStatus, Class: Temporary, RetryAfter: x.retryAfter}
	switch foreign := !x.json; x.status {
	case http.StatusTooManyRequests:
		e.Class = Throttled
	case http.StatusRequestEntityTooLarge, http.StatusRequestURITooLong:
		e.Class, e.Reason = Refused, ReasonTooLarge
	case http.StatusProxyAuthRequired:
		e.Reason = ReasonProxy
	default:
		switch {
		case x.status >= 500 || x.status == http.StatusRequestTimeout:
		case foreign:
			e.Reason = ReasonForeign
		case x.status == http.StatusUnauthorized || x.status == http.StatusPaymentRequired || x.status == http.StatusForbidden:
			e.Class = Denied
		case x.status == http.StatusBadRequest && saysInvalidKey(x.body):
			e.Class, e.Reason = Denied, ReasonKeys
		case x.status == http.StatusBadRequest:
			e.Class = Refused
		case x.status == http.StatusPreconditionFailed:
			e.Class, e.wraps = Refused, ErrConflict
		}
	}
	return e
}

// saysInvalidKey tells a wrong key in the config (every message would be
// refused) from a fault of one message. Both come with status 400.
func saysInvalidKey(body []byte) bool {
	var text string
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil && len(list) > 1 {
		_ = json.Unmarshal(list[1], &text)
	} else {
		var object struct{ Message string }
		_ = json.Unmarshal(body, &object)
		text = object.Message
	}
	text = strings.ToLower(text)
	return strings.HasPrefix(text, "invalid") && strings.HasSuffix(text, "key")
}

// networkReason puts a transport error into a word. It looks at types only.
func networkReason(err error) Reason {
	var (
		dns     *net.DNSError
		cert    *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		record  tls.RecordHeaderError
		op      *net.OpError
		timeout net.Error
	)
	switch {
	case errors.As(err, &cert), errors.As(err, &unknown):
		return ReasonCertificate
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return ReasonNotTLS
	case errors.Is(err, errProxyRefused), errors.As(err, &op) && op.Op == "proxyconnect":
		return ReasonProxy
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return ReasonTimeout
	case errors.As(err, &dns):
		return ReasonName
	case errors.Is(err, errTooLarge):
		return ReasonTooLarge
	}
	return ReasonConnection
}

// parseRetryAfter reads seconds or a date. The date is held against the
// answer's own date, because the local clock may be wrong. Bounded to an hour.
func parseRetryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	var wait time.Duration
	if seconds, err := strconv.Atoi(value); err == nil {
		wait = time.Duration(min(seconds, 3600)) * time.Second
	} else if until, err := http.ParseTime(value); err == nil {
		if date, err := http.ParseTime(h.Get("Date")); err == nil {
			wait = until.Sub(date)
		}
	}
	return min(max(wait, 0), time.Hour)
}
