package emulator_test

import (
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"clinicgate/gateway/pubnub/emulator"
)

func (r *rig) mint(g emulator.Grant) string {
	r.Helper()
	if g.TTL == 0 {
		g.TTL = 15
	}
	text, err := r.emu.MintToken(g)
	if err != nil {
		r.Fatal(err)
	}
	return text
}

func TestTokensAreChecked(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{AccessManager: true})
	kiosk := r.mint(emulator.Grant{
		UUID:            "kiosk-1",
		Channels:        emulator.Masks{"queue.cardiology": emulator.MayRead | emulator.MayWrite},
		ChannelPatterns: emulator.Masks{`^audit\.[^.]+$`: emulator.MayWrite, `^wait\.\*$`: emulator.MayRead},
		UUIDs:           emulator.Masks{"kiosk-1": emulator.MayGet},
		Groups:          emulator.Masks{"g": emulator.MayRead},
		Meta:            map[string]any{"site": "north"},
	})
	as := func(target string) answer { return r.get(target + "uuid=kiosk-1&auth=" + kiosk) }
	publish := func(channel string) answer { return as("/publish/pub/sub/0/" + channel + "/0/1?") }

	r.want(r.get("/time/0"), 200, "[")
	r.want(publish("queue.cardiology"), 200, "Sent")
	r.want(publish("audit.north"), 200, "Sent")
	r.wantJSON(publish("queue.other"), 403,
		`{"error":true,"message":"Forbidden","payload":{"channels":["queue.other"]},"service":"Access Manager","status":403}`)
	r.want(publish("audit.a.b"), 403, "Forbidden")
	r.want(publish("xaudit.a"), 403, "Forbidden")
	r.want(r.get("/publish/pub/sub/0/queue.cardiology/0/1?uuid=kiosk-1"), 403, `"channels":["queue.cardiology"]`)
	r.want(r.get("/publish/pub/sub/0/queue.cardiology/0/1?uuid=kiosk-2&auth="+kiosk), 403, "Forbidden")
	r.want(r.get("/publish/pub/sub/0/queue.cardiology/0/1?uuid=kiosk-1&auth=nonsense"), 403, "Invalid token")
	forged := kiosk[:len(kiosk)-2] + "AA"
	r.want(r.get("/publish/pub/sub/0/queue.cardiology/0/1?uuid=kiosk-1&auth="+forged), 403, "Invalid token")

	r.want(as("/v2/subscribe/sub/queue.cardiology/0?"), 200, `"m":[]`)
	r.want(as("/v2/subscribe/sub/wait.*/0?"), 200, `"m":[]`)
	r.want(as("/v2/subscribe/sub/wait.x/0?"), 403, `["wait.x"]`)
	r.want(as("/v2/subscribe/sub/queue.cardiology,queue.cardiology-pnpres/0?"), 403, `"payload":{"channels":["queue.cardiology-pnpres"]}`)
	r.want(as("/v2/subscribe/sub/,/0?channel-group=g&"), 200, `"m":[]`)
	r.want(as("/v2/subscribe/sub/,/0?channel-group=h&"), 403, `"payload":{"channel-groups":["h"]}`)
	r.want(as(v3+"queue.cardiology?"), 200, "")
	r.want(as(v3+"audit.north?"), 403, "")
	r.want(as(here+"/channel/queue.cardiology?"), 200, "")
	r.want(as(objects+"uuids/kiosk-1?"), 404, "")
	r.want(as(objects+"uuids/other?"), 403, `"uuids":["other"]`)
	r.want(r.call("DELETE", v3+"queue.cardiology?uuid=kiosk-1&auth="+kiosk, ""), 403, "")
	r.want(as("/v1/channel-registration/sub-key/sub/channel-group/g?"), 200, "")
	r.want(as("/v1/channel-registration/sub-key/sub/channel-group/g?add=x&"), 403, "")
	r.want(as("/v1/channel-registration/sub-key/sub/channel-group/g/remove?"), 403, "")

	r.emu.Revoke(kiosk)
	r.want(publish("queue.cardiology"), 403, "Token is revoked")
	if h := r.emu.History("queue.cardiology"); len(h) != 1 {
		t.Fatalf("stored %d", len(h))
	}
}

func TestObjectPermissions(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{AccessManager: true})
	token := r.mint(emulator.Grant{
		Channels: emulator.Masks{"managed": emulator.MayManage | emulator.MayUpdate, "joinable": emulator.MayJoin},
		UUIDs:    emulator.Masks{"u": emulator.MayUpdate},
	})
	set := func(path, body string) answer { return r.call("PATCH", objects+path+"?auth="+token, body) }
	r.want(set("channels/managed", `{}`), 200, "")
	r.want(set("channels/managed/uuids", `{"set":[{"uuid":{"id":"u"}}]}`), 200, "")
	r.want(set("channels/joinable/uuids", `{"set":[{"uuid":{"id":"u"}}]}`), 403, "")
	r.want(set("uuids/u/channels", `{"set":[{"channel":{"id":"joinable"}}]}`), 200, "")
	r.want(set("uuids/u/channels", `{"set":[{"channel":{"id":"managed"}}]}`), 403, `["managed"]`)
	r.want(set("uuids/v/channels", `{"set":[{"channel":{"id":"joinable"}}]}`), 403, "")
	r.want(r.get(objects+"channels/managed?auth="+token), 403, "")
	r.want(r.call("DELETE", objects+"channels/managed?auth="+token, ""), 403, "")
}

func TestMintRefusesWhatTheServiceRefuses(t *testing.T) {
	t.Parallel()
	e := emulator.New(emulator.Options{})
	for want, g := range map[string]emulator.Grant{
		"Invalid ttl at ttl": {},
		"Invalid permissions at permissions.resources.channels.a": {TTL: 1, Channels: emulator.Masks{"a": 0}},
		"Invalid RegExp at permissions.patterns.channels.(a)":     {TTL: 1, ChannelPatterns: emulator.Masks{"(a)": 1}},
		"Invalid RegExp at permissions.patterns.uuids.[":          {TTL: 1, UUIDPatterns: emulator.Masks{"[": 1}},
	} {
		if _, err := e.MintToken(g); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestTokenEndsDuringPoll(t *testing.T) {
	t.Parallel()
	inBubble(t, emulator.Options{AccessManager: true}, func(b bubble) {
		t, e := b.t, b.emu
		mint := func(ttl int) string {
			text, err := e.MintToken(emulator.Grant{TTL: ttl, Channels: emulator.Masks{"a": emulator.MayRead}})
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		began := time.Now()
		a := b.get("/v2/subscribe/sub/a/0?tt=1&auth=" + mint(1))
		if a.status != 403 || !strings.Contains(a.body, "expired") || time.Since(began) != time.Minute {
			t.Fatalf("after %s: %+v", time.Since(began), a)
		}
		other, used := mint(15), mint(20)
		held := later(func() answer { return b.get("/v2/subscribe/sub/a/0?tt=1&auth=" + used) })
		synctest.Wait()
		e.Revoke(other)
		synctest.Wait()
		select {
		case a := <-held:
			t.Fatalf("ended by the wrong token: %+v", a)
		default:
		}
		e.Revoke(used)
		if a := <-held; a.status != 403 || !strings.Contains(a.body, "revoked") {
			t.Fatalf("after revoking: %+v", a)
		}
		if a := b.get("/v2/subscribe/sub/a/0?auth=" + mint(1)); a.status != 200 {
			t.Fatalf("fresh token: %+v", a)
		}
	})
}

const (
	vectorTime = 1795300685 // of the vectors in the notes
	grantBody  = `{"ttl":15,"permissions":{"resources":{"channels":{"queue.cardiology":3},"groups":{},"uuids":{},"users":{},"spaces":{}},` +
		`"patterns":{"channels":{"^queue\\..*$":1},"groups":{},"uuids":{},"users":{},"spaces":{}},"meta":{},"uuid":"kiosk-1"}}`
	signedGrant = "/v3/pam/sub/grant?pnsdk=PubNub-Go/7.4.0&timestamp=1795300685&uuid=kiosk-1&signature=v2.XGWV-iiBuSk6WQiByHoz55sarFiGRKJdpX6MdokZQ0M"
)

func TestSignedVectors(t *testing.T) {
	t.Parallel()
	now := time.Unix(vectorTime, 0)
	r := newRig(t, emulator.Options{AccessManager: true, Now: func() time.Time { return now }})
	r.want(r.call("POST", signedGrant, grantBody), 200, `{"data":{"message":"Success","token":"`)
	r.want(r.call("POST", signedGrant, grantBody+" "), 403, "Invalid Signature")
	r.want(r.call("POST", strings.Replace(signedGrant, "uuid=kiosk-1", "uuid=kiosk-2", 1), grantBody), 403, "Invalid Signature")
	r.want(r.call("POST", strings.Split(signedGrant, "&signature")[0], grantBody), 403, "Invalid Signature")

	get := "/publish/pub/sub/0/ch/0/%22hi%22?l_hist=3.2698e-05&l_pamv3=0.000138897&pnsdk=PubNub-Go/7.4.0&seqn=1&timestamp=1795300685&uuid=kiosk-1"
	r.want(r.get(get+"&signature=v2.dcBS6g0y_mKEp3O_NIT8fRzx3nCEt_ObzK9krO8qE0M"), 200, "Sent")
	post := "/publish/pub/sub/0/ch/0?l_hist=3.2698e-05&l_pamv3=0.000138897&l_pub=4.3291e-05&pnsdk=PubNub-Go/7.4.0&seqn=2&timestamp=1795300685&uuid=kiosk-1"
	r.want(r.call("POST", post+"&signature=IrJddtPyJ5t_q38uPodgRCMFZF1eCiLvWPzcp0pTorU=", `"hi"`), 200, "Sent")

	// the revocation of the notes is signed well, but its token is not one
	revoke := "/v3/pam/sub/grant/p0F2AkF0Gl-_%3D?l_pamv3=0.000231528&pnsdk=PubNub-Go/7.4.0&timestamp=1795300685&uuid=kiosk-1"
	r.want(r.call("DELETE", revoke+"&signature=v2.9KXeVL3UvzZCd9-VgJX8u8F-oa6vgy4eNIBUXyGVgJc", ""), 400, "Invalid token")

	now = now.Add(61 * time.Second)
	r.want(r.call("POST", signedGrant, grantBody), 403, "Invalid Signature")
	now = now.Add(-122 * time.Second)
	r.want(r.call("POST", signedGrant, grantBody), 403, "Invalid Signature")
}

func TestGrantedTokenWorks(t *testing.T) {
	t.Parallel()
	now := time.Unix(vectorTime, 0)
	r := newRig(t, emulator.Options{AccessManager: true, Now: func() time.Time { return now }})
	a := r.call("POST", signedGrant, grantBody)
	_, rest, _ := strings.Cut(a.body, `"token":"`)
	token, _, _ := strings.Cut(rest, `"`)
	r.want(r.get("/publish/pub/sub/0/queue.cardiology/0/1?uuid=kiosk-1&auth="+token), 200, "Sent")
	r.want(r.get("/v2/subscribe/sub/queue.x/0?uuid=kiosk-1&auth="+token), 200, "")
	now = now.Add(15 * time.Minute)
	r.want(r.get("/v2/subscribe/sub/queue.x/0?uuid=kiosk-1&auth="+token), 403, "Token is expired")
}

func TestVectorToken(t *testing.T) {
	t.Parallel()
	const vector = "qEF2AkF0GmsCHU1DdHRsD0NyZXOlRGNoYW6hcHF1ZXVlLmNhcmRpb2xvZ3kDQ2dycKBEdXVpZKBDdXNyoENzcGOgQ3BhdKVEY2hhbqFuXnF1ZXVlXC5bXi5dKyQB" +
		"Q2dycKBEdXVpZKBDdXNyoENzcGOgRG1ldGGgRHV1aWRna2lvc2stMUNzaWdYICaw9W90bpzdZvCjdna9k3zjhO5fqKYtci75T_6LJL9X"
	now := time.Unix(vectorTime, 0)
	r := newRig(t, emulator.Options{AccessManager: true, Now: func() time.Time { return now }})
	r.want(r.get("/v2/subscribe/sub/queue.x/0?uuid=kiosk-1&auth="+vector), 200, "")
	r.want(r.get("/publish/pub/sub/0/queue.cardiology/0/1?uuid=kiosk-1&auth="+vector), 200, "")
	r.want(r.get("/publish/pub/sub/0/queue.x/0/1?uuid=kiosk-1&auth="+vector), 403, "queue.x")
	minted := r.mint(emulator.Grant{
		UUID: "kiosk-1", Channels: emulator.Masks{"queue.cardiology": 3},
		ChannelPatterns: emulator.Masks{`^queue\.[^.]+$`: 1},
	})
	if minted != vector {
		t.Fatalf("minted %s\n  want %s", minted, vector)
	}
	if escaped := url.QueryEscape(minted); escaped != minted {
		t.Fatalf("token is not fit for a URL: %s", escaped)
	}
	now = now.Add(15*time.Minute - time.Second)
	r.want(r.get("/v2/subscribe/sub/queue.x/0?uuid=kiosk-1&auth="+vector), 200, "")
	now = now.Add(time.Second)
	r.want(r.get("/v2/subscribe/sub/queue.x/0?uuid=kiosk-1&auth="+vector), 403, "expired")
}

func TestGrantNeedsTheSecretKeyAlways(t *testing.T) {
	t.Parallel()
	r := newRig(t, emulator.Options{})
	r.want(r.call("POST", "/v3/pam/sub/grant", grantBody), 403, "Invalid Signature")
}
