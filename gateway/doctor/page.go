package doctor

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const slowPage = 500 * time.Millisecond

// PageUp asks the check-in page for an answer, as a browser without a session.
func PageUp(address func() string) Check {
	return Check{ID: "page-up", Run: func(ctx context.Context) Result {
		const hint = "restart the service; if it stays so, look at its log"
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address()+"/", nil)
		if err != nil {
			return Result{Fail, "the page has no address", hint}
		}
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		began := time.Now()
		answer, err := client.Do(req)
		if err != nil {
			return Result{Fail, "the check-in page does not answer", hint}
		}
		_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
		_ = answer.Body.Close()
		took := time.Since(began).Round(time.Millisecond)
		switch {
		case answer.StatusCode >= 500:
			return Result{Fail, fmt.Sprintf("the check-in page answers with status %d", answer.StatusCode), hint}
		case answer.Header.Get("Content-Security-Policy") == "":
			return Result{Fail, "something else answers on the check-in page's address", "stop the other program, or set web.listen"}
		case took >= slowPage:
			return Result{Warn, "the check-in page took " + took.String() + " to answer", "see what else this machine does"}
		}
		return Result{State: OK, Detail: "the check-in page answered in " + took.String()}
	}}
}

// slowCommit is when whoever pressed the last button begins to wonder.
const slowCommit = 2 * time.Second

// PageCommit looks whether what a patient does would be kept: probe commits a record,
// reads it back and asks the page for an answer.
func PageCommit(probe func(context.Context) error) Check {
	return Check{ID: "page-commit", DependsOn: []string{"disk-write", "store-open", "store-space", "page-up"}, Run: func(ctx context.Context) Result {
		began := time.Now()
		err := probe(ctx)
		took := time.Since(began).Round(time.Millisecond)
		switch {
		case err != nil:
			return Result{Fail, "a check-in would not be kept: " + plain(err), "send patients to the desk; `clinicgate bundle` keeps what is known, then restart the service"}
		case took >= slowCommit:
			return Result{Warn, "a record was kept after " + took.String() + ": patients wait for it", "look what else uses the disk; exclude the data folder from virus scanners"}
		}
		return Result{State: OK, Detail: "a record was committed and read back, and the page answered, in " + took.String()}
	}}
}

// PageLoopback looks whether only this machine can reach the check-in page.
func PageLoopback(address func() string) Check {
	return Check{ID: "page-loopback", Run: func(context.Context) Result {
		if a, err := netip.ParseAddrPort(address()); err != nil || !a.Addr().IsLoopback() {
			return Result{Fail, "the check-in page can be reached from the network at " + address(), "set web.listen to a loopback address and restart the service"}
		}
		return Result{State: OK, Detail: "only this machine can reach the check-in page"}
	}}
}

// browserGrace is how long a browser may take after the service's start.
const browserGrace = 2 * time.Minute

// PageBrowser looks whether a browser was started on the page since the service
// runs.
func PageBrowser(has func() bool, started time.Time) Check {
	return Check{ID: "page-browser", Run: func(context.Context) Result {
		switch {
		case has():
			return Result{State: OK, Detail: "a browser holds the check-in page"}
		case time.Since(started) < browserGrace:
			return Result{State: Skipped, Detail: "the service has just started"}
		}
		return Result{Warn, "no browser holds the check-in page", "`clinicgate kiosk-session` in the kiosk user's session starts it; is that user logged in?"}
	}}
}

// MQTTLocal connects to the embedded broker. address is empty where it is off.
func MQTTLocal(address func() string) Check {
	return Check{ID: "mqtt-local", Run: func(ctx context.Context) Result {
		at := address()
		if at == "" {
			return Result{State: Skipped, Detail: "the embedded MQTT broker is off"}
		}
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", at)
		if err != nil {
			return Result{Fail, "the embedded MQTT broker does not answer on " + at, "restart the service; look at mqtt.listen"}
		}
		defer conn.Close()
		if !speaksMQTT(ctx, conn) {
			return Result{Fail, "what answers on " + at + " is no MQTT broker", "restart the service; does another program have the port of mqtt.listen?"}
		}
		if a, err := netip.ParseAddrPort(at); err != nil || !a.Addr().IsLoopback() {
			return Result{Fail, "the embedded MQTT broker can be reached from the network without encryption", "set mqtt.listen to a loopback address; the network has mqtt.lan_listen"}
		}
		return Result{State: OK, Detail: "the embedded MQTT broker listens on " + at + ", for this machine only"}
	}}
}

// speaksMQTT says who we are, for the broker counts callers that do not, hears that it
// was heard, and goes (MQTT 3.1.1, 3.1, 3.2 and 3.14). Each caller has a name of its own:
// the broker counts a name that comes often, and lets one go when it comes twice, and
// doctor may be asked by several at once, again and again.
func speaksMQTT(ctx context.Context, conn net.Conn) bool {
	id := "clinicgate-doctor-" + rand.Text()[:8]
	if at, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(at)
	}
	connect := append([]byte{0x10, byte(12 + len(id)), 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 10, 0, byte(len(id))}, id...)
	if _, err := conn.Write(connect); err != nil {
		return false
	}
	var answer [4]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil || answer[0] != 0x20 {
		return false
	}
	_, err := conn.Write([]byte{0xe0, 0})
	return err == nil
}
