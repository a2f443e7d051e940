package pubnub_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"clinicgate/gateway/pubnub"
)

func TestMetadata(t *testing.T) {
	t.Parallel()
	var seen []string
	etag := "e1"
	c := origin(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", r.Method, r.URL.EscapedPath(), r.Header.Get("If-Match"), body)))
		if r.URL.Query().Get("include") != "custom" {
			t.Errorf("asks %s", r.URL.RawQuery)
		}
		if want := r.Header.Get("If-Match"); want != "" && want != etag {
			reply(w, 412, `{"status":412,"error":{"message":"Channel to update has been modified after it was read.","source":"objects"}}`)
			return
		}
		if r.Method == http.MethodPatch {
			etag = "e2"
		}
		reply(w, 200, `{"status":200,"data":{"id":"x","name":null,"custom":{"queueState":"sealed","n":1.50,"b":true,"z":null},"eTag":"`+etag+`"}}`)
	})
	md, err := c.ChannelMetadata(t.Context(), "queue.cardiology")
	if err != nil || md.ETag != "e1" || md.Name != "" ||
		!maps.Equal(md.Custom, map[string]string{"queueState": "sealed", "n": "1.50", "b": "true", "z": ""}) {
		t.Errorf("%+v, %v", md, err)
	}
	set := pubnub.Metadata{Name: "Queue - cardiology", Custom: map[string]string{"queueState": "𠮷😀"}, ETag: "ignored"}
	if got, err := c.SetChannelMetadata(t.Context(), "queue.cardiology", set, "e1"); got != "e2" || err != nil {
		t.Errorf("etag %q, %v", got, err)
	}
	if _, err := c.SetChannelMetadata(t.Context(), "queue.cardiology", set, "e1"); !errors.Is(err, pubnub.ErrConflict) || classOf(err) != pubnub.Refused {
		t.Errorf("a second writer: %v", err)
	}
	if _, err := c.SetUserMetadata(t.Context(), "p-%abc", pubnub.Metadata{Custom: map[string]string{"consent_telehealth": "x"}}, ""); err != nil {
		t.Error(err)
	}
	if _, err := c.UserMetadata(t.Context(), "p-%abc"); err != nil {
		t.Error(err)
	}
	want := []string{
		`GET /v2/objects/sub-key/channels/queue.cardiology`,
		`PATCH /v2/objects/sub-key/channels/queue.cardiology e1 {"name":"Queue - cardiology","custom":{"queueState":"𠮷😀"}}`,
		`PATCH /v2/objects/sub-key/channels/queue.cardiology e1 {"name":"Queue - cardiology","custom":{"queueState":"𠮷😀"}}`,
		`PATCH /v2/objects/sub-key/uuids/p-%25abc  {"custom":{"consent_telehealth":"x"}}`,
		`GET /v2/objects/sub-key/uuids/p-%25abc`,
	}
	if got := strings.Join(seen, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("asked\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

func TestMetadataThatIsNotThere(t *testing.T) {
	t.Parallel()
	c := origin(t, func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 404, `{"status":404,"error":{"message":"Requested object was not found.","source":"objects"}}`)
	})
	if _, err := c.ChannelMetadata(t.Context(), "a"); !errors.Is(err, pubnub.ErrNotFound) {
		t.Error(err)
	}
	c = origin(t, http.NotFound) // some web server
	if _, err := c.UserMetadata(t.Context(), "a"); errors.Is(err, pubnub.ErrNotFound) || classOf(err) != pubnub.Temporary {
		t.Error(err)
	}
	c = origin(t, raw(`{"status":200}`))
	if _, err := c.ChannelMetadata(t.Context(), "a"); classOf(err) != pubnub.Temporary {
		t.Error(err)
	}
	if _, err := c.SetChannelMetadata(t.Context(), "a", pubnub.Metadata{}, ""); classOf(err) != pubnub.Unknown {
		t.Error(err)
	}
	if _, err := c.ChannelMetadata(t.Context(), "a/b"); classOf(err) != pubnub.Refused {
		t.Error(err)
	}
	if _, err := c.SetUserMetadata(t.Context(), "", pubnub.Metadata{}, ""); classOf(err) != pubnub.Refused {
		t.Error(err)
	}
}
