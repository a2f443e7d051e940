package doctor

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"clinicgate/gateway/pubnub"
)

// PubNub is what is asked of it. [pubnub.Client] is one.
type PubNub interface {
	Time(ctx context.Context) (time.Time, error)
	History(ctx context.Context, channel string, after pubnub.Timetoken, limit int) ([]pubnub.Message, bool, error)
}

const portalHint = "PubNub's admin portal shows the keyset's settings; `clinicgate sync status` shows what waits"

// PubNubAnswer asks for PubNub's time.
func PubNubAnswer(p PubNub) Check {
	return Check{ID: "pubnub-answer", Online: true, DependsOn: []string{"net-dns", "net-captive", "net-proxy", "net-port", "net-tls"}, Run: func(ctx context.Context) Result {
		_, err := p.Time(ctx)
		if err == nil {
			return Result{State: OK, Detail: "PubNub tells its time"}
		}
		e, _ := errors.AsType[*pubnub.Error](err)
		switch {
		case e != nil && e.Status >= 500:
			return Result{Warn, "PubNub itself has trouble: " + e.Error(), "nothing to do here: events wait and are sent by themselves"}
		case e != nil && e.Hint() != "":
			return Result{Fail, "PubNub does not answer: " + e.Error(), e.Hint()}
		}
		return Result{Fail, "PubNub does not answer: " + err.Error(), "look at the firewall and the proxy"}
	}}
}

// Keyset is what the checks of the keyset look at.
type Keyset struct {
	PubNub
	Channel string      // one that this kiosk publishes on
	Denied  func() bool // the last publish was refused for who published it
}

// PubNubKeys uses the keyset's keys.
func PubNubKeys(k Keyset) Check {
	return Check{ID: "pubnub-keys", Online: true, DependsOn: []string{"pubnub-answer", "pubnub-token", "pubnub-grant"}, Run: func(ctx context.Context) Result {
		_, _, err := k.History(ctx, k.Channel, 0, 1)
		e, _ := errors.AsType[*pubnub.Error](err)
		switch {
		case e != nil && (e.Reason == pubnub.ReasonKeys || e.Class == pubnub.Refused):
			return Result{Fail, "PubNub does not know the subscribe key", "compare pubnub.subscribe_key with the keyset in PubNub's admin portal"}
		case err == nil && k.Denied():
			return Result{Fail, "PubNub takes nothing that is published with this publish key", "compare pubnub.publish_key with the keyset in PubNub's admin portal; if it is right, the token may read and not write"}
		}
		return Result{State: OK, Detail: "PubNub knows the keyset"}
	}}
}

// PubNubHistory reads back the kiosk's own channel, which a keyset without Message
// Persistence refuses; then a message that came while a kiosk was offline is lost to it.
func PubNubHistory(k Keyset) Check {
	return Check{ID: "pubnub-history", Online: true, DependsOn: []string{"pubnub-answer", "pubnub-keys", "pubnub-token", "pubnub-grant"}, Run: func(ctx context.Context) Result {
		_, _, err := k.History(ctx, k.Channel, 0, 1)
		e, _ := errors.AsType[*pubnub.Error](err)
		switch {
		case err == nil:
			return Result{State: OK, Detail: "PubNub keeps messages"}
		case e != nil && e.Class == pubnub.Denied:
			return Result{Fail, "PubNub refuses to give back messages: Message Persistence is off, or the token was revoked", "turn Message Persistence on for the keyset, for at least 7 days; if it is on, get a new token"}
		}
		return Result{Warn, "PubNub did not give back messages: " + err.Error(), portalHint}
	}}
}

// Grant compares what the token opens with the channels of this kiosk. token gives
// what is held, false for none.
func Grant(token func() (pubnub.Token, bool), channels []string) Check {
	return Check{ID: "pubnub-grant", DependsOn: []string{"pubnub-token"}, Run: func(context.Context) Result {
		t, ok := token()
		if !ok {
			return Result{State: Skipped, Detail: "no token is held"}
		}
		var closed []string
		for _, c := range channels {
			if !opens(t, c) {
				closed = append(closed, c)
			}
		}
		if len(closed) > 0 {
			return Result{Fail, "the token does not open " + strings.Join(closed, ", "), "grant a token for this kiosk's channels, and write it to the file that pubnub.token_file names"}
		}
		return Result{State: OK, Detail: "the token opens every channel of this kiosk"}
	}}
}

func opens(t pubnub.Token, channel string) bool {
	for _, c := range t.Channels {
		if c == channel {
			return true
		}
	}
	for _, p := range t.Patterns {
		if ok, err := regexp.MatchString("^(?:"+p+")$", channel); err == nil && ok {
			return true
		}
	}
	return false
}
