package gateway

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"clinicgate/gateway/config"
	"clinicgate/kiosk/web"
)

// allLanguages is what the page says where no config says whose languages to show.
var allLanguages = [...]string{"en", "es", "zh-Hans", "vi", "ar"}

// RunAway shows for a while that people are served at the desk: what a kiosk does
// that failed to start again and again. It needs neither store nor keys, and of the
// config only what the page looks like; config.Default() will do. It returns when
// wait is over or ctx ends. Where even the page cannot be shown, it waits all the
// same, so that a start is not tried without a pause.
//
// Beat is called every interval while the page answers.
func RunAway(ctx context.Context, cfg config.Config, wait, interval time.Duration, beat func(), log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	page, err := awayPage(cfg, log)
	if err != nil {
		log.Error("not even the page that sends people to the desk can be shown", "error", err, "hint", "if another program uses the port, stop it or set web.listen")
	} else {
		ended := make(chan struct{})
		defer func() { <-ended }()
		go func() {
			defer close(ended)
			if err := page.Run(ctx); err != nil {
				log.Error("the page that sends people to the desk ended", "error", err)
			}
		}()
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		// Without a page nothing can hang but this loop.
		if page == nil || PageAnswers(ctx, page.Addr()) == nil {
			beat()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func awayPage(cfg config.Config, log *slog.Logger) (*web.Away, error) {
	var texts fs.FS
	if cfg.Web.Texts != "" {
		texts = os.DirFS(cfg.Web.Texts)
	}
	c := web.Config{Listen: cfg.Web.Listen, Languages: cfg.Kiosk.Languages, Texts: texts, Clinic: cfg.Kiosk.Clinic, PanelWidth: cfg.Web.PanelWidth, Distance: cfg.Web.Distance,
		BoardPanel: cfg.Board.Panel, BoardDistance: cfg.Board.Distance, BoardMute: true}
	page, err := web.NewAway(c, log.With("component", "page"))
	if err != nil { // the clinic's own texts may be what is wrong
		c.Texts, c.Languages = nil, allLanguages[:]
		page, err = web.NewAway(c, log.With("component", "page"))
	}
	return page, err
}

// PageAnswers asks the check-in page for an answer as a browser without the pass
// would: the page that sends people to the desk. Anything else that it says is no page.
func PageAnswers(ctx context.Context, addr string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/", nil)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	page := resp.StatusCode == http.StatusUnauthorized || resp.StatusCode < http.StatusBadRequest
	if !page || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		return &statusError{resp.Status}
	}
	return nil
}

type statusError struct{ status string }

func (e *statusError) Error() string { return "it answers " + e.status }
