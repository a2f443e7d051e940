package faults_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/gateway/pubnub"
	product "clinicgate/kiosk"
	"clinicgate/kiosk/wire"
)

// What doctor finds is in the log of the start, in status, on the health page, in the
// metrics, in a bundle and in the heartbeat.
func TestFeeds(t *testing.T) {
	t.Parallel()
	k := newKiosk(t)
	k.set("key_source.kind", "key-file")
	k.set("key_source.file", filepath.Join(k.dir, "root.key"))
	k.set("metrics.listen", "127.0.0.1:0")
	k.prepare()
	k.start()
	k.open()

	now, err := k.control.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if roots := doctor.Roots(now.Checks); len(roots) == 0 || roots[0].ID != "key-source" {
		t.Errorf("status: %+v", roots)
	}
	if status, body := k.get("/health"); status != http.StatusServiceUnavailable || !strings.Contains(body, `"key-source"`) {
		t.Errorf("health: %d\n%s", status, body)
	}
	if _, body := k.get("/metrics"); !strings.Contains(body, "clinicgate_check{check=\"key-source\"} 2") {
		t.Errorf("metrics:\n%s", body)
	}
	made, err := k.control.MakeBundle(t.Context(), control.BundleWanted{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var found []doctor.Report
	if err := json.Unmarshal(unpacked(t, made.File, "checks.json"), &found); err != nil {
		t.Fatal(err)
	}
	if roots := doctor.Roots(found); len(roots) == 0 || roots[0].ID != "key-source" {
		t.Errorf("bundle: %+v", roots)
	}
	k.within(2*time.Minute, "the start's log says so", func() bool {
		text := k.log.String()
		return strings.Contains(text, "a check found something") && strings.Contains(text, "check=key-source") && strings.Contains(text, "support_code=")
	})
	cipher, err := pubnub.NewCipher([]pubnub.CipherKey{{ID: "q1", Key: []byte("clinic cipher key")}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	k.within(2*time.Minute, "the heartbeat says so", func() bool {
		for _, m := range k.double.History(product.DeviceChannel("lobby-1")) {
			var text string
			if json.Unmarshal(m.Payload, &text) != nil {
				continue
			}
			var env wire.Envelope
			_, _, _ = cipher.Decrypt(text, func(plain []byte) (fits bool) {
				env, err = wire.Parse(plain)
				return err == nil
			})
			for _, e := range env.Events {
				var beat product.Heartbeat
				if json.Unmarshal(e.Body, &beat) == nil && beat.Type == "HEARTBEAT" && beat.State == "fail" && len(beat.Failing) > 0 && beat.Failing[0] == "key-source" {
					return true
				}
			}
		}
		return false
	})
}

func (k *kiosk) get(path string) (status int, body string) {
	k.t.Helper()
	r, err := http.Get("http://" + k.at.Metrics + path)
	if err != nil {
		k.t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

func unpacked(t *testing.T, file []byte, name string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
