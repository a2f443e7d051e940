package pubnub_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"clinicgate/gateway/pubnub"
)

// archive answers history requests as PubNub does: the newest max messages with
// end <= timetoken < start.
type archive struct {
	stored   []int64 // timetokens, ascending
	requests atomic.Int32
	failAt   int32 // this request fails
	cap      int   // PubNub shortens pages to this
}

func (a *archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.requests.Add(1) == a.failAt {
		reply(w, 503, `{"status":503}`)
		return
	}
	q := r.URL.Query()
	number := func(key string, otherwise int64) int64 {
		n, err := strconv.ParseInt(q.Get(key), 10, 64)
		if err != nil {
			return otherwise
		}
		return n
	}
	start, end, limit := number("start", 1<<60), number("end", 0), int(number("max", 100))
	var in []int64
	for _, tt := range a.stored {
		if tt >= end && tt < start {
			in = append(in, tt)
		}
	}
	more := ""
	if a.cap > 0 && len(in) > a.cap {
		limit = min(limit, a.cap)
		more = `,"more":{"url":"/v3/history","start":"1","max":10}`
	}
	in = in[max(0, len(in)-limit):]
	var items []string
	for _, tt := range in {
		items = append(items, fmt.Sprintf(`{"message":"m%d","timetoken":"%d","uuid":"lobby-2","message_type":null}`, tt, tt))
	}
	channel := strings.TrimPrefix(r.URL.EscapedPath(), "/v3/history/sub-key/sub-key/channel/")
	reply(w, 200, fmt.Sprintf(`{"status":200,"error":false,"error_message":"","channels":{%q:[%s]}%s}`, channel, strings.Join(items, ","), more))
}

func timetokens(n int) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = 17000000000000001 + 2*int64(i)
	}
	return list
}

func TestHistoryReadsEverythingOldestFirst(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ stored, limit, pageCap, skip int }{
		{0, 100, 0, 0}, {1, 100, 0, 0}, {99, 100, 0, 0}, {100, 100, 0, 0}, {101, 100, 0, 0}, {200, 100, 0, 0},
		{1234, 100, 0, 0}, {1234, 100, 0, 617}, {50, 7, 0, 0}, {12, 1, 0, 3}, {300, 0, 40, 0},
	} {
		a := &archive{stored: timetokens(row.stored), cap: row.pageCap}
		c := origin(t, a.ServeHTTP)
		var got []int64
		after := pubnub.Timetoken(0)
		if row.skip > 0 {
			after = pubnub.Timetoken(a.stored[row.skip-1])
		}
		for calls := 0; ; calls++ {
			page, more, err := c.History(t.Context(), "queue.cardiology", after, row.limit)
			if err != nil || len(page) > 100 || calls > row.stored+1 {
				t.Fatalf("%+v: call %d: %d messages, %v", row, calls, len(page), err)
			}
			for _, m := range page {
				got = append(got, int64(m.Timetoken))
				if text, _ := m.Text(); text != fmt.Sprintf("m%d", m.Timetoken) || m.Publisher != "lobby-2" || m.Channel != "queue.cardiology" {
					t.Fatalf("%+v", m)
				}
				after = m.Timetoken
			}
			if !more {
				break
			}
		}
		if want := a.stored[row.skip:]; !slices.Equal(got, want) {
			t.Errorf("%+v: got %d messages, want %d", row, len(got), len(want))
		}
		page := row.limit
		if page == 0 {
			page = 100
		}
		if row.pageCap > 0 {
			page = row.pageCap
		}
		// There and back again, once.
		if most := 2*((row.stored-row.skip)/page+1) + 1; int(a.requests.Load()) > most {
			t.Errorf("%+v: %d requests, want at most %d", row, a.requests.Load(), most)
		}
	}
}

func TestHistoryGoesOnAfterAFailedWalk(t *testing.T) {
	t.Parallel()
	a := &archive{stored: timetokens(1000), failAt: 8}
	c := origin(t, a.ServeHTTP)
	if _, _, err := c.History(t.Context(), "a", 0, 100); classOf(err) != pubnub.Temporary {
		t.Fatal(err)
	}
	page, more, err := c.History(t.Context(), "a", 0, 100)
	if err != nil || !more || len(page) == 0 || int64(page[0].Timetoken) != a.stored[0] {
		t.Fatalf("%d messages, %v, %v", len(page), more, err)
	}
	if n := a.requests.Load(); n > 13 {
		t.Errorf("%d requests: the first walk was forgotten", n)
	}
}

// Whatever is asked in whatever order, with whatever is remembered: the answer
// is the beginning of what is newer.
func TestHistoryAnswersAnyOrderOfQuestions(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 0))
		a := &archive{stored: timetokens(random.IntN(120))}
		if random.IntN(3) == 0 {
			a.cap = 3 + random.IntN(10)
		}
		c := origin(t, a.ServeHTTP)
		after := int64(0)
		for range 40 {
			limit := 3 + random.IntN(12)
			page, more, err := c.History(t.Context(), "a", pubnub.Timetoken(after), limit)
			if err != nil {
				t.Fatal(err)
			}
			i, _ := slices.BinarySearch(a.stored, after+1)
			want := a.stored[i:]
			if len(page) > limit || len(page) == 0 && len(want) > 0 || more != (len(page) < len(want)) {
				t.Fatalf("seed %d: after %d, limit %d: %d messages of %d, more %v", seed, after, limit, len(page), len(want), more)
			}
			for k, m := range page {
				if int64(m.Timetoken) != want[k] {
					t.Fatalf("seed %d: after %d: message %d is %d, want %d", seed, after, k, m.Timetoken, want[k])
				}
			}
			switch random.IntN(8) {
			case 0: // anywhere, or with an overlap
				after = 17000000000000000 + random.Int64N(300)
			case 1: // something new
				a.stored = timetokens(len(a.stored) + random.IntN(20))
			case 2: // the same again
			default:
				if len(page) > 0 {
					after = int64(page[len(page)-1].Timetoken)
				}
			}
		}
	}
}

// A message that becomes visible behind the reader is found by reading again
// with an overlap, also while a walk is remembered.
func TestHistoryWithAnOverlapFindsLateMessages(t *testing.T) {
	t.Parallel()
	a := &archive{stored: timetokens(450)}
	c := origin(t, a.ServeHTTP)
	page, more, err := c.History(t.Context(), "a", 0, 100)
	if err != nil || !more {
		t.Fatal(err)
	}
	last := page[len(page)-1].Timetoken
	late := int64(last) - 1
	a.stored = slices.Sorted(slices.Values(append(a.stored, late)))
	page, _, err = c.History(t.Context(), "a", last-20, 100)
	if err != nil || !slices.ContainsFunc(page, func(m pubnub.Message) bool { return int64(m.Timetoken) == late }) {
		t.Errorf("%d messages without the late one, %v", len(page), err)
	}
}

// Retention may remove a page that a walk has met.
func TestHistoryForgetsPagesThatExpired(t *testing.T) {
	t.Parallel()
	a := &archive{stored: timetokens(450)}
	c := origin(t, a.ServeHTTP)
	page, _, err := c.History(t.Context(), "a", 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	a.stored = a.stored[430:]
	asked := a.requests.Load()
	rest, more, err := c.History(t.Context(), "a", page[len(page)-1].Timetoken, 100)
	if err != nil || more || len(rest) != 20 {
		t.Errorf("%d messages, more %v, %v", len(rest), more, err)
	}
	if n := a.requests.Load() - asked; n > 10 {
		t.Errorf("%d requests", n)
	}
}

// The SDK's Fetch panics on the first two.
func TestHistoryTakesAnyStoredMessage(t *testing.T) {
	t.Parallel()
	payloads := []string{`{"message":"hi"}`, `{"file":"x","message":{"text":5}}`, `"UE5FRA=="`, `"José 😀 𠮷"`, `null`, `{"b":1.50, "a":12345678901234567890}`}
	var items []string
	for i, p := range payloads {
		items = append(items, fmt.Sprintf(`{"message":%s,"timetoken":%d,"uuid":null,"message_type":%d}`, p, 10-i, i))
	}
	c := origin(t, raw(`{"status":200,"error":false,"channels":{"a":[`+strings.Join(items, ",")+`]}}`))
	page, more, err := c.History(t.Context(), "a", 0, 0)
	if err != nil || more || len(page) != len(payloads) {
		t.Fatalf("%v, %v, %v", page, more, err)
	}
	slices.Reverse(page)
	for i, m := range page {
		if string(m.Payload) != payloads[i] {
			t.Errorf("payload %s, want %s", m.Payload, payloads[i])
		}
	}
}

func TestHistoryRefusesWhatItDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`, `[]`, `{"channels":null}`, `{"channels":{"a":[],"b":[]}}`, `{"channels":{"a":[{}]}}`,
		`{"channels":{"a":[{"message":1,"timetoken":"x"}]}}`, `{"channels":{"a":7}}`,
	} {
		c := origin(t, raw(body))
		if page, _, err := c.History(t.Context(), "a", 0, 0); classOf(err) != pubnub.Temporary || page != nil {
			t.Errorf("%s: %v, %v", body, page, err)
		}
	}
	c := origin(t, raw(`{"channels":{}}`))
	if page, more, err := c.History(t.Context(), "a", 5, 0); err != nil || more || len(page) != 0 {
		t.Errorf("nothing stored: %v, %v, %v", page, more, err)
	}
	if _, _, err := c.History(t.Context(), "a/b", 5, 0); classOf(err) != pubnub.Refused {
		t.Error(err)
	}
}
