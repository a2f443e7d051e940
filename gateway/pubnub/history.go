package pubnub

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"sync"
)

const (
	maxPage  = 100
	maxPages = 10_000 // in one walk back: a million messages
)

// History gives the stored messages of a channel that are newer than after,
// oldest first, at most limit (1 to 100; 0 means 100), and whether there are
// more. It needs Message Persistence on the keyset. A message may become
// visible a little after a newer one: read with an overlap.
//
// PubNub pages from the newest message back. For a long backlog the first call
// therefore walks back to the oldest page and remembers where the pages begin;
// the calls that follow with the timetoken of the last message take one
// request each. A failed call keeps what it learned.
func (c *Client) History(ctx context.Context, channel string, after Timetoken, limit int) ([]Message, bool, error) {
	if !isName(channel) {
		return nil, false, badName("history")
	}
	if limit <= 0 || limit > maxPage {
		limit = maxPage
	}
	w := c.walks.take(channel)
	defer func() { c.walks.put(channel, w) }()

	before, known := w.resume(after)
	var newer []Message // the page above, while older ones are looked for
	for range maxPages {
		page, full, err := c.historyPage(ctx, channel, after, before, limit)
		switch {
		case err != nil:
			return nil, false, err
		case full && page[0].Timetoken != known:
			before, newer = page[0].Timetoken, page
			w.add(before)
		case len(page) > 0:
			return page, w.returned(page), nil
		case newer != nil:
			return newer, w.returned(newer), nil
		case before == 0:
			w.starts = nil
			return nil, false, nil
		default: // the next page begins at before
			w.empty(after, before)
			before, known = w.resume(after)
		}
	}
	return nil, false, &Error{Op: "history", Class: Temporary, Reason: ReasonTooLarge}
}

// historyPage asks for the newest messages between after and before, both
// exclusive, 0 being no bound, and reports whether there may be older ones.
func (c *Client) historyPage(ctx context.Context, channel string, after, before Timetoken, limit int) (page []Message, full bool, err error) {
	query := url.Values{"max": {strconv.Itoa(limit)}, "include_uuid": {"true"}, "include_message_type": {"true"}}
	if after > 0 {
		query.Set("end", (after + 1).String()) // inclusive
	}
	if before > 0 {
		query.Set("start", before.String()) // exclusive
	}
	path := "/v3/history/sub-key/" + c.cfg.SubscribeKey + "/channel/" + url.PathEscape(channel)
	err = c.rest(ctx, &exchange{op: "history"}, request{path: path, query: query}, func(body []byte) error {
		all, cut, err := parseHistory(body, channel)
		full = (cut || len(all) >= limit) && len(all) > 0 && all[0].Timetoken > after
		page = slices.DeleteFunc(all, func(m Message) bool {
			return m.Timetoken <= after || before > 0 && m.Timetoken >= before
		})
		return err
	})
	return page, full && len(page) > 0, err
}

// parseHistory reads the answer of /v3/history for one channel. cut says that
// PubNub itself made the page shorter than it was asked for.
func parseHistory(body []byte, channel string) (list []Message, cut bool, err error) {
	var reply struct {
		Channels map[string][]struct {
			Payload   json.RawMessage `json:"message"`
			Timetoken Timetoken       `json:"timetoken"`
			Publisher string          `json:"uuid"`
			Type      json.RawMessage `json:"message_type"`
		} `json:"channels"`
		More *struct{} `json:"more"`
	}
	if json.Unmarshal(body, &reply) != nil || reply.Channels == nil || len(reply.Channels) > 1 {
		return nil, false, errAnswer
	}
	for _, items := range reply.Channels { // one; its name is escaped, or not
		for _, m := range items {
			if m.Timetoken == 0 || m.Payload == nil {
				return nil, false, errAnswer
			}
			list = append(list, Message{channel, m.Payload, m.Publisher, m.Timetoken, parseKind(m.Type)})
		}
	}
	sortMessages(list)
	return list, reply.More != nil, nil
}

// walk is what is known of the pages of one channel.
type walk struct {
	starts []Timetoken // the first timetoken of each page met and not returned, newest first
	clear  Timetoken   // nothing lies between here and the last of starts; 0: not known
}

// resume gives the bound from which to ask for the page that follows after,
// and that page's first timetoken where it is known.
func (w *walk) resume(after Timetoken) (before, known Timetoken) {
	if w.drop(after) {
		w.clear = 0
	}
	n := len(w.starts)
	switch {
	case n == 0:
		return 0, 0
	case w.clear == 0 || after < w.clear:
		return w.starts[n-1], 0
	case n == 1:
		return 0, w.starts[0]
	}
	return w.starts[n-2], w.starts[n-1]
}

// returned takes note that the caller gets page, and reports whether newer
// pages are known.
func (w *walk) returned(page []Message) (more bool) {
	w.clear = page[len(page)-1].Timetoken
	w.drop(w.clear)
	return len(w.starts) > 0
}

// empty takes note that nothing lies between after and before.
func (w *walk) empty(after, before Timetoken) {
	w.drop(before - 1)
	w.clear = after
}

// drop forgets the pages that begin at or before t.
func (w *walk) drop(t Timetoken) (any bool) {
	n := len(w.starts)
	w.starts = slices.DeleteFunc(w.starts, func(start Timetoken) bool { return start <= t })
	return len(w.starts) != n
}

func (w *walk) add(start Timetoken) {
	w.clear = 0
	i, found := slices.BinarySearchFunc(w.starts, start, func(a, b Timetoken) int { return cmp.Compare(b, a) })
	if !found {
		w.starts = slices.Insert(w.starts, i, start)
	}
}

// walks keeps a walk per channel between calls. A second call for the same
// channel at the same time begins a walk of its own.
type walks struct {
	mu sync.Mutex
	of map[string]*walk
}

func (k *walks) take(channel string) *walk {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.of[channel]
	if w == nil {
		return &walk{}
	}
	delete(k.of, channel)
	return w
}

func (k *walks) put(channel string, w *walk) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(w.starts) == 0 {
		return
	}
	if k.of == nil {
		k.of = make(map[string]*walk)
	}
	k.of[channel] = w
}
