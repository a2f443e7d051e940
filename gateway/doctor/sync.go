package doctor

import (
	"context"
	"fmt"
	"time"

	"clinicgate/gateway/config"
)

// SyncLink looks whether PubNub answers.
func SyncLink(backlog func() Backlog) Check {
	return Check{ID: "sync-link", DependsOn: []string{"pubnub-answer"}, Run: func(context.Context) Result {
		b := backlog()
		detail := "PubNub does not answer: check-in goes on, events wait here"
		if b.LastError != "" {
			detail += " (" + b.LastError + ")"
		}
		if !b.Online {
			return Result{Warn, detail, "look at the network cable, the firewall and pubnub.proxy in the config"}
		}
		return Result{State: OK, Detail: "PubNub answers"}
	}}
}

// SyncBacklog looks whether events wait although the network is there.
func SyncBacklog(backlog func() Backlog, now func() time.Time) Check {
	return Check{ID: "sync-backlog", DependsOn: []string{"key-clinic", "pubnub-token", "pubnub-grant", "pubnub-keys", "sync-link"}, Run: func(context.Context) Result {
		b := backlog()
		if b.Queued == 0 {
			return Result{State: OK, Detail: "nothing waits"}
		}
		age := max(0, now().Sub(b.Oldest)).Round(time.Second)
		detail := fmt.Sprintf("%d events wait, the oldest for %s", b.Queued, age)
		switch {
		case b.Online && !b.Quiet.IsZero() && age > stuckAfter && now().Sub(b.Quiet) > stuckAfter:
			return Result{Fail, detail + " although PubNub answers, and none was taken meanwhile", "`clinicgate sync status` names the channel that stands still, and why"}
		case b.Online && age > 24*time.Hour:
			return Result{Fail, detail + " although PubNub answers", "`clinicgate sync status` names the channel that stands still"}
		case b.Online && age > time.Hour, !b.Online && age > 24*time.Hour:
			return Result{Warn, detail, "`clinicgate sync status` names the channels"}
		}
		return Result{State: OK, Detail: detail}
	}}
}

// stuckAfter is how long events may stand still while PubNub answers: two of the
// longest waits between tries.
const stuckAfter = 3 * time.Minute

// tokenSoon is when a token that is not renewed becomes a worry.
const tokenSoon = 5 * time.Minute

// Access is how the access token stands.
type Access struct {
	Needed  bool      // a token is configured
	Held    bool      // there is one
	Expires time.Time // zero when none is held
	Expired bool
	Problem error // why what the file holds now is not used
}

// Token looks at the access token. now is trusted time as well as it is known.
func Token(status func() Access, now func() time.Time) Check {
	return Check{ID: "pubnub-token", Run: func(context.Context) Result {
		s := status()
		const hint = "renew the file that pubnub.token_file names; the service reads it again by itself"
		switch {
		case !s.Needed:
			return Result{State: Skipped, Detail: "no token is configured"}
		case !s.Held && s.Problem != nil:
			return Result{Fail, "there is no usable token: " + s.Problem.Error(), hint}
		case !s.Held:
			return Result{Fail, "there is no token", hint}
		case s.Expired:
			return Result{Fail, "the token expired at " + s.Expires.UTC().Format(time.RFC3339), hint}
		case s.Problem != nil:
			return Result{Warn, "the token in the file is not used, the one before it is: " + s.Problem.Error(), hint}
		case s.Expires.Sub(now()) < tokenSoon:
			return Result{Warn, "the token expires at " + s.Expires.UTC().Format(time.RFC3339), hint}
		}
		return Result{State: OK, Detail: "the token is good until " + s.Expires.UTC().Format(time.RFC3339)}
	}}
}

// UnsignedSenders looks whether unsigned messages can be believed: only where
// the keyset binds a publisher's user id to its token.
func UnsignedSenders(unsigned config.Unsigned, accessManager bool) Check {
	return Check{ID: "unsigned-senders", Run: func(context.Context) Result {
		switch {
		case unsigned == config.UnsignedOff:
			return Result{State: OK, Detail: "messages without a signature are ignored"}
		case !accessManager:
			return Result{Fail, "the keyset has no Access Manager: whoever knows its keys can pose as a provider and call patients", "turn Access Manager on and set pubnub.token_file, or set sync.unsigned = \"off\""}
		}
		return Result{State: OK, Detail: "staff apps are bound to their user id by their token"}
	}}
}

// Backlog is what waits for PubNub.
type Backlog struct {
	Online    bool
	LastError string // class of the last failure, while it lasts
	Queued    uint64
	Oldest    time.Time // when the oldest queued event was made; zero for none

	Quiet time.Time // since when PubNub answers and took none; zero: it does not answer, or took one now
}
