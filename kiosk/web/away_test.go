package web_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"clinicgate/kiosk/web"
)

// While nothing else works, every language is told where to go, a page that was open
// goes there too, and nothing is taken in.
func TestAway(t *testing.T) {
	a, err := web.NewAway(web.Config{Listen: "127.0.0.1:0", Languages: []string{"en", "es", "zh-Hans", "vi", "ar"}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	ask := func(method, path string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+a.Addr()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if method == http.MethodPost {
			r.Header.Set("Origin", "http://"+a.Addr())
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Clinicgate-Page", "1")
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	for _, path := range []string{"/", "/launch?token=x"} {
		_, body := ask(http.MethodGet, path)
		for _, sentence := range []string{"Please go to the desk.", "Pase a la recepción", "请到服务台", "Xin đến quầy tiếp đón", "مكتب الاستقبال"} {
			if !strings.Contains(body, sentence) {
				t.Errorf("%s lacks %q", path, sentence)
			}
		}
	}
	// 401 is what sends an open page to that sentence (link.js).
	for path, method := range map[string]string{"/alive": http.MethodGet, "/events": http.MethodGet, "/act": http.MethodPost} {
		if status, _ := ask(method, path); status != http.StatusUnauthorized {
			t.Errorf("%s answers %d", path, status)
		}
	}
	if status, body := ask(http.MethodGet, "/board"); status != http.StatusOK || !strings.Contains(body, "board.js") {
		t.Errorf("the board answers %d", status)
	}
	if status, _ := ask(http.MethodGet, "/board/events"); status != http.StatusServiceUnavailable {
		t.Errorf("the board's stream answers %d", status)
	}
	if status, _ := ask(http.MethodGet, "/assets/locked.js"); status != http.StatusOK {
		t.Errorf("the page's script answers %d", status)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAwayListensOnLoopbackOnly(t *testing.T) {
	if _, err := web.NewAway(web.Config{Listen: "0.0.0.0:0", Languages: []string{"en"}}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("it listens for the network")
	}
}
