package service

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/windows/svc"
)

const (
	startBound = 15 * time.Minute // a damaged store is verified and salvaged first
	stopBound  = 6 * time.Second
	pendingFor = 10 * time.Second // between two signs of a start that goes on
)

// Main runs the program until it ends or is told to stop. As `run --service` it
// answers the service manager before it does anything else: Windows gives a service
// 30 s to do so after a reboot that installs patches.
func Main(args []string, program Program) int {
	_ = NoDumps() // a machine where this fails still has patients to check in
	if asked(args) {
		h := &handler{args: args, program: program}
		if err := svc.Run(Name, h); err != nil {
			log, logErr := OpenSystemLog()
			if logErr == nil {
				_ = log.Log(slog.LevelError, "the service manager was not reached: "+err.Error()) // nobody else can be told
			}
			return 1
		}
		return h.code
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop)
	return program(ctx, args, os.Stdin, os.Stdout, os.Stderr)
}

type handler struct {
	args    []string
	program Program
	code    int
}

// Execute implements svc.Handler.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, say chan<- svc.Status) (specific bool, code uint32) {
	pending := svc.Status{State: svc.StartPending, Accepts: svc.AcceptStop | svc.AcceptPreShutdown, WaitHint: uint32((3 * pendingFor).Milliseconds())}
	say <- pending
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	n := &Notifier{became: make(chan struct{}, 1), cut: make(chan int, 1)}
	ended := make(chan int, 1)
	go func() {
		errors := &logLines{}
		defer errors.Close()
		ended <- h.program(context.WithValue(ctx, notifierKey{}, n), h.args, strings.NewReader(""), io.Discard, errors)
	}()
	started := time.Now()
	tick := time.NewTicker(pendingFor)
	defer tick.Stop()
	running := svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptPreShutdown}
	now := pending
	for {
		select {
		case h.code = <-ended:
			// An exit code is the service's own, so that the recovery actions, which are
			// set for exits too, act on any but 0.
			return h.code != 0, uint32(h.code)
		case <-n.became:
			now = running
			say <- now
		case <-tick.C:
			if now.State == svc.StartPending && time.Since(started) < startBound {
				now.CheckPoint++
				say <- now
			}
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				say <- now
			case svc.Stop, svc.PreShutdown, svc.Shutdown:
				say <- svc.Status{State: svc.StopPending, WaitHint: uint32(stopBound.Milliseconds())}
				cancel()
				select {
				case h.code = <-ended:
				case h.code = <-n.cut:
				case <-time.After(stopBound):
					h.code = 1
				}
				// However it went, it was asked for: with another code the recovery
				// actions would start the service again.
				return false, 0
			}
		}
	}
}

// logLines writes what the program says on standard error, which a service does not
// have, to the Event Log.
type logLines struct {
	mu  sync.Mutex // a start that hangs is told of from a goroutine of its own
	log SystemLog
}

// Write implements io.Writer.
func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.log == nil {
		log, err := OpenSystemLog()
		if err != nil {
			return 0, err
		}
		l.log = log
	}
	level := slog.LevelInfo
	if strings.HasPrefix(string(p), "error:") || strings.HasPrefix(string(p), "hint:") || strings.Contains(string(p), "level=ERROR") {
		level = slog.LevelError
	}
	return len(p), l.log.Log(level, strings.TrimSpace(string(p)))
}

// Close gives the log back.
func (l *logLines) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.log != nil {
		_ = l.log.Close() // what is in it stays
		l.log = nil
	}
}
