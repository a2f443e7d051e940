package service

import (
	"context"
	"io"
	"testing"

	"golang.org/x/sys/windows/svc"
)

// A stop that was asked for ends with code 0, also where the program fails in it or
// has to be cut off: after another code the recovery actions start the service again.
func TestStopAskedFor(t *testing.T) {
	for what, stops := range map[string]func(ctx context.Context) int{
		"in order": func(context.Context) int { return 0 },
		"fails":    func(context.Context) int { return 1 },
		"cut off": func(ctx context.Context) int {
			NotifierOf(ctx).cut <- 1 // CutOff would end the test too
			select {}
		},
	} {
		h := &handler{args: []string{"run", "--service"}, program: func(ctx context.Context, _ []string, _ io.Reader, _, _ io.Writer) int {
			<-ctx.Done()
			return stops(ctx)
		}}
		requests, says := make(chan svc.ChangeRequest, 1), make(chan svc.Status, 2)
		requests <- svc.ChangeRequest{Cmd: svc.Stop}
		if specific, code := h.Execute(nil, requests, says); specific || code != 0 {
			t.Errorf("%s: it ends with %v, %d", what, specific, code)
		}
		if first, second := <-says, <-says; first.State != svc.StartPending || second.State != svc.StopPending {
			t.Errorf("%s: it says %v, %v", what, first, second)
		}
	}
}

// One that ends by itself is started again.
func TestEndsByItself(t *testing.T) {
	h := &handler{args: []string{"run", "--service"}, program: func(context.Context, []string, io.Reader, io.Writer, io.Writer) int { return 10 }}
	if specific, code := h.Execute(nil, make(chan svc.ChangeRequest), make(chan svc.Status, 1)); !specific || code != 10 {
		t.Errorf("it ends with %v, %d", specific, code)
	}
}
