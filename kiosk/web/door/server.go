package door

import (
	"context"
	"log"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	headerWithin   = 3 * time.Second
	requestWithin  = 10 * time.Second
	answerWithin   = 20 * time.Second // longer than the longest act
	keepAlive      = 60 * time.Second
	maxHeaderBytes = 8 << 10
)

// Server gives an HTTP/1.1 server with every time and size bounded, that logs
// nothing of what a client sent. Its requests' contexts end with ctx.
func Server(ctx context.Context, logger *slog.Logger, h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headerWithin,
		ReadTimeout:       requestWithin,
		WriteTimeout:      answerWithin,
		IdleTimeout:       keepAlive,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		// net/http's own lines may repeat what a client sent.
		ErrorLog:                     log.New(quietLog{logger}, "", 0),
		DisableGeneralOptionsHandler: true,
	}
}

// quietLog counts a line of net/http as one constant line.
type quietLog struct{ log *slog.Logger }

// Write logs that there was a line.
func (q quietLog) Write(p []byte) (int, error) {
	q.log.Debug("http server complained about a connection")
	return len(p), nil
}
