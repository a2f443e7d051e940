package pubnub_test

import (
	"errors"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	sdk "github.com/pubnub/go/v7"
	"github.com/pubnub/go/v7/pnerr"

	"clinicgate/gateway/pubnub/emulator"
)

// The emulator as the official Go SDK sees it: an independent reader of the same
// protocol, used here as any client would, without our own layer.

const sdkWait = 10 * time.Second

// sdkKeyset serves a fresh keyset.
func sdkKeyset(t *testing.T, o emulator.Options) (*emulator.Emulator, string) {
	t.Helper()
	o.PublishKey, o.SubscribeKey, o.SecretKey = "pub", "sub", "sec-secret"
	e := emulator.New(o)
	s := httptest.NewServer(e)
	t.Cleanup(func() { e.Close(); s.Close() })
	return e, strings.TrimPrefix(s.URL, "http://")
}

func sdkClient(t *testing.T, origin, user string, adjust func(*sdk.Config)) *sdk.PubNub {
	t.Helper()
	c := sdk.NewConfigWithUserId(sdk.UserId(user))
	c.PublishKey, c.SubscribeKey, c.Origin, c.Secure, c.MaxWorkers = "pub", "sub", origin, false, 0
	if adjust != nil {
		adjust(c)
	}
	p := sdk.NewPubNub(c)
	p.GetClient() // Destroy panics on a client that never made one
	t.Cleanup(p.Destroy)
	return p
}

// sdkEvents drains every channel of a listener, as the SDK needs.
type sdkEvents struct {
	messages, signals chan *sdk.PNMessage
	presence          chan *sdk.PNPresence
	channels          chan *sdk.PNChannelEvent
	members           chan *sdk.PNMembershipEvent
	actions           chan *sdk.PNMessageActionsEvent
	connected         chan struct{}
}

func sdkListen(t *testing.T, p *sdk.PubNub) *sdkEvents {
	t.Helper()
	const room = 200
	l := sdk.NewListener()
	e := &sdkEvents{
		messages: make(chan *sdk.PNMessage, room), signals: make(chan *sdk.PNMessage, room),
		presence: make(chan *sdk.PNPresence, room), channels: make(chan *sdk.PNChannelEvent, room),
		members: make(chan *sdk.PNMembershipEvent, room), actions: make(chan *sdk.PNMessageActionsEvent, room),
		connected: make(chan struct{}, room),
	}
	done := make(chan struct{})
	go func() {
		for {
			select {
			case s := <-l.Status:
				if s.Category == sdk.PNConnectedCategory {
					e.connected <- struct{}{}
				}
			case m := <-l.Message:
				e.messages <- m
			case m := <-l.Signal:
				e.signals <- m
			case m := <-l.Presence:
				e.presence <- m
			case m := <-l.ChannelEvent:
				e.channels <- m
			case m := <-l.MembershipEvent:
				e.members <- m
			case m := <-l.MessageActionsEvent:
				e.actions <- m
			case <-l.UUIDEvent:
			case <-l.File:
			case <-done:
				return
			}
		}
	}()
	p.AddListener(l)
	t.Cleanup(func() { close(done) })
	return e
}

func sdkNext[T any](t *testing.T, from <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(sdkWait):
		t.Fatalf("no %s within %s", what, sdkWait)
		panic("unreachable")
	}
}

func TestEmulatorWithGoSDKLive(t *testing.T) {
	t.Parallel()
	_, origin := sdkKeyset(t, emulator.Options{})
	reader := sdkClient(t, origin, "reader", nil)
	writer := sdkClient(t, origin, "kiosk-1", nil)
	events := sdkListen(t, reader)
	reader.Subscribe().Channels([]string{"queue.cardiology", "wait.*"}).WithPresence(true).Execute()
	sdkNext(t, events.connected, "connection")
	join := sdkNext(t, events.presence, "join")
	if join.Event != "join" || join.UUID != "reader" || join.Occupancy != 1 || join.Timestamp == 0 {
		t.Fatalf("presence %+v", join)
	}

	for _, post := range []bool{false, true} {
		res, status, err := writer.Publish().Channel("queue.cardiology").Message(map[string]any{"id": "é 😀/?"}).
			Meta(map[string]any{"k": "v w"}).UsePost(post).Execute()
		if err != nil || status.StatusCode != 200 {
			t.Fatalf("publish: %v %v", status.StatusCode, err)
		}
		m := sdkNext(t, events.messages, "message")
		body, _ := m.Message.(map[string]any)
		meta, _ := m.UserMetadata.(map[string]any)
		if body["id"] != "é 😀/?" || m.Channel != "queue.cardiology" || m.Publisher != "kiosk-1" || m.Timetoken != res.Timestamp || meta["k"] != "v w" {
			t.Fatalf("message %+v, published at %d", m, res.Timestamp)
		}
	}
	if _, _, err := writer.Publish().Channel("wait.room").Message("hello").UsePost(true).Execute(); err != nil {
		t.Fatal(err)
	}
	if m := sdkNext(t, events.messages, "wildcard message"); m.Channel != "wait.room" || m.Subscription != "wait.*" {
		t.Fatalf("message %+v", m)
	}
	if _, _, err := writer.Signal().Channel("wait.room").Message("typing").Execute(); err != nil {
		t.Fatal(err)
	}
	if m := sdkNext(t, events.signals, "signal"); m.Message != "typing" {
		t.Fatalf("signal %+v", m)
	}
	if _, _, err := writer.SetChannelMetadata().Channel("queue.cardiology").Name("Q").Custom(map[string]any{"n": 1}).Execute(); err != nil {
		t.Fatal(err)
	}
	if c := sdkNext(t, events.channels, "channel event"); c.ChannelID != "queue.cardiology" || c.Name != "Q" || c.ETag == "" {
		t.Fatalf("channel event %+v", c)
	}
	if _, _, err := writer.SetChannelMembers().Channel("queue.cardiology").Set([]sdk.PNChannelMembersSet{{UUID: sdk.PNChannelMembersUUID{ID: "kiosk-1"}}}).Execute(); err != nil {
		t.Fatal(err)
	}
	if m := sdkNext(t, events.members, "membership event"); m.ChannelID != "queue.cardiology" || m.UUID != "kiosk-1" {
		t.Fatalf("membership event %+v", m)
	}
	if _, _, err := writer.Publish().Channel("a.b.c.d").Message(1).Execute(); !sdkStatus(err, 400, "maximum depth") {
		t.Fatalf("too deep: %v", err)
	}
	if _, _, err := writer.Publish().Channel("a").Message(strings.Repeat("x", 33000)).UsePost(true).Execute(); !sdkStatus(err, 413, "Too Large") {
		t.Fatalf("too large: %v", err)
	}
}

// sdkStatus tells whether the SDK saw this status with this text.
func sdkStatus(err error, status int, text string) bool {
	server, ok := errors.AsType[*pnerr.ServerError](err)
	return ok && server.StatusCode == status && strings.Contains(err.Error(), text)
}

func TestEmulatorWithGoSDKQueries(t *testing.T) {
	t.Parallel()
	e, origin := sdkKeyset(t, emulator.Options{})
	p := sdkClient(t, origin, "kiosk-1", func(c *sdk.Config) { c.SecretKey = "sec-secret" })
	var tts []int64
	for i := range 130 {
		tts = append(tts, e.InjectRaw("audit.north", []byte(strconv.Itoa(i)), "u"))
	}
	page, _, err := p.Fetch().Channels([]string{"audit.north"}).Count(100).IncludeUUID(true).IncludeMessageType(true).Execute()
	if err != nil || len(page.Messages["audit.north"]) != 100 || page.Messages["audit.north"][99].Message != 129.0 || page.Messages["audit.north"][0].UUID != "u" {
		t.Fatalf("first page %+v %v", page, err)
	}
	oldest, _ := strconv.ParseInt(page.Messages["audit.north"][0].Timetoken, 10, 64)
	page, _, err = p.Fetch().Channels([]string{"audit.north"}).Count(100).Start(oldest).Execute()
	if err != nil || len(page.Messages["audit.north"]) != 30 || page.Messages["audit.north"][29].Message != 29.0 {
		t.Fatalf("second page %+v %v", page, err)
	}
	counts, _, err := p.MessageCounts().Channels([]string{"audit.north", "none"}).ChannelsTimetoken([]int64{tts[99], 1}).Execute()
	if err != nil || counts.Channels["audit.north"] != 30 || counts.Channels["none"] != 0 {
		t.Fatalf("counts %+v %v", counts, err)
	}
	if _, _, err := p.DeleteMessages().Channel("audit.north").Start(tts[0] - 1).End(tts[9]).Execute(); err != nil || len(e.History("audit.north")) != 120 {
		t.Fatalf("delete left %d: %v", len(e.History("audit.north")), err)
	}

	now, _, err := p.Time().Execute()
	if err != nil || now.Timetoken < tts[129]-5 {
		t.Fatalf("time %+v %v", now, err)
	}

	state, _, err := p.SetState().Channels([]string{"a"}).State(map[string]any{"mood": "fine & well"}).Execute()
	if err != nil || state.State.(map[string]any)["mood"] != "fine & well" {
		t.Fatalf("set state %+v %v", state, err)
	}
	got, _, err := p.GetState().Channels([]string{"a"}).Execute()
	if err != nil || got.State["a"].(map[string]any)["mood"] != "fine & well" {
		t.Fatalf("get state %+v %v", got, err)
	}
	if _, _, err := p.Heartbeat().Channels([]string{"a"}).Execute(); err != nil {
		t.Fatal(err)
	}
	here, _, err := p.HereNow().Channels([]string{"a"}).IncludeState(true).IncludeUUIDs(true).Execute()
	if err != nil || here.TotalOccupancy != 1 || here.Channels[0].Occupants[0].UUID != "kiosk-1" || here.Channels[0].Occupants[0].State["mood"] != "fine & well" {
		t.Fatalf("here now %+v %v", here, err)
	}
	here, _, err = p.HereNow().Channels([]string{"a", "b"}).IncludeUUIDs(true).Execute()
	if err != nil || here.TotalChannels != 2 || here.TotalOccupancy != 1 {
		t.Fatalf("here now of two %+v %v", here, err)
	}
	where, _, err := p.WhereNow().UUID("kiosk-1").Execute()
	if err != nil || !slices.Equal(where.Channels, []string{"a"}) {
		t.Fatalf("where now %+v %v", where, err)
	}

	custom := []sdk.PNChannelMetadataInclude{sdk.PNChannelMetadataIncludeCustom}
	set, _, err := p.SetChannelMetadata().Channel("queue.x").Name("Q").Description("d").Custom(map[string]any{"n": 1.5}).Include(custom).Execute()
	if err != nil || set.Data.ETag == "" || set.Data.Custom["n"] != 1.5 {
		t.Fatalf("set metadata %+v %v", set, err)
	}
	read, _, err := p.GetChannelMetadata().Channel("queue.x").Include(custom).Execute()
	if err != nil || read.Data.Name != "Q" || read.Data.Description != "d" || read.Data.Custom["n"] != 1.5 || read.Data.ETag != set.Data.ETag {
		t.Fatalf("metadata %+v %v", read, err)
	}
	if _, _, err := p.GetChannelMetadata().Channel("none").Execute(); !sdkStatus(err, 404, "not found") {
		t.Fatalf("missing metadata: %v", err)
	}
	all, _, err := p.GetAllChannelMetadata().Count(true).Limit(10).Execute()
	if err != nil || all.TotalCount != 1 || all.Data[0].ID != "queue.x" {
		t.Fatalf("all metadata %+v %v", all, err)
	}

	tt := strconv.FormatInt(tts[129], 10)
	action, _, err := p.AddMessageAction().Channel("audit.north").MessageTimetoken(tt).Action(sdk.MessageAction{ActionType: "receipt", ActionValue: "read"}).Execute()
	if err != nil || action.Data.UUID != "kiosk-1" {
		t.Fatalf("action %+v %v", action, err)
	}
	with, _, err := p.Fetch().Channels([]string{"audit.north"}).IncludeMessageActions(true).Execute()
	if err != nil || len(with.Messages["audit.north"]) != 25 || len(with.Messages["audit.north"][24].MessageActions["receipt"].ActionsTypeValues["read"]) != 1 {
		t.Fatalf("history with actions %+v %v", with, err)
	}

	if _, _, err := p.AddChannelToChannelGroup().Channels([]string{"x", "y"}).ChannelGroup("g").Execute(); err != nil {
		t.Fatal(err)
	}
	group, _, err := p.ListChannelsInChannelGroup().ChannelGroup("g").Execute()
	if err != nil || !slices.Equal(group.Channels, []string{"x", "y"}) {
		t.Fatalf("group %+v %v", group, err)
	}
}

func TestEmulatorWithGoSDKGrant(t *testing.T) {
	t.Parallel()
	e, origin := sdkKeyset(t, emulator.Options{AccessManager: true})
	authority := sdkClient(t, origin, "authority", func(c *sdk.Config) { c.SecretKey = "sec-secret" })
	granted, _, err := authority.GrantToken().TTL(15).AuthorizedUUID("kiosk-1").
		Channels(map[string]sdk.ChannelPermissions{"queue.cardiology": {Read: true, Write: true}}).
		ChannelsPattern(map[string]sdk.ChannelPermissions{`^wait\.[^.]+$`: {Write: true}}).Execute()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := sdk.ParseToken(granted.Data.Token)
	if err != nil || parsed.AuthorizedUUID != "kiosk-1" || !parsed.Resources.Channels["queue.cardiology"].Write {
		t.Fatalf("token %+v %v", parsed, err)
	}
	kiosk := sdkClient(t, origin, "kiosk-1", nil)
	publish := func(p *sdk.PubNub, channel string) error {
		_, _, err := p.Publish().Channel(channel).Message("x").UsePost(true).Execute()
		return err
	}
	if err := publish(kiosk, "queue.cardiology"); !sdkStatus(err, 403, "Forbidden") {
		t.Fatalf("without a token: %v", err)
	}
	kiosk.SetToken(granted.Data.Token)
	for _, channel := range []string{"queue.cardiology", "wait.room"} {
		if err := publish(kiosk, channel); err != nil {
			t.Fatalf("%s: %v", channel, err)
		}
	}
	if err := publish(kiosk, "wait.room.deep"); !sdkStatus(err, 403, "wait.room.deep") {
		t.Fatalf("outside the grant: %v", err)
	}
	other := sdkClient(t, origin, "someone-else", nil)
	other.SetToken(granted.Data.Token)
	if err := publish(other, "queue.cardiology"); !sdkStatus(err, 403, "Forbidden") {
		t.Fatalf("another user's token: %v", err)
	}
	if err := publish(authority, "anything"); err != nil { // the old signature form
		t.Fatalf("signed publish by POST: %v", err)
	}
	if _, _, err := authority.RevokeToken().Token(granted.Data.Token).Execute(); err != nil {
		t.Fatal(err)
	}
	if err := publish(kiosk, "queue.cardiology"); !sdkStatus(err, 403, "revoked") {
		t.Fatalf("revoked: %v", err)
	}
	if n := len(e.History("queue.cardiology")); n != 1 {
		t.Fatalf("stored %d", n)
	}
}
