package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
)

// Process is a program that runs.
type Process struct {
	PID  int
	Name string
}

// Service is a program that runs as this service, and the config file that it was
// started with.
type Service struct {
	Process
	Config string
}

func (p Process) String() string { return fmt.Sprintf("%s (pid %d)", p.Name, p.PID) }

// Port is an address that the service is to listen on, and the config's key of it.
type Port struct{ Key, Address string }

// PortsFree looks, while no service answers, who holds the ports that it needs. The
// process of manager is the service itself: one that sends people to the desk has the
// page's port.
func PortsFree(listeners []Port, manager Manager) Check {
	return Check{ID: "ports-free", Run: func(ctx context.Context) Result {
		own := manager.process(ctx)
		var held, low []string
		for _, l := range listeners {
			if l.Address == "" {
				continue
			}
			var lc net.ListenConfig
			bound, err := lc.Listen(ctx, "tcp", l.Address)
			if err == nil {
				_ = bound.Close()
				continue
			}
			text := l.Key + " = " + l.Address
			switch who := ListenersOn(l.Address); {
			case errors.Is(err, os.ErrPermission): // a port below 1024
				low = append(low, text)
				continue
			case errors.Is(err, syscall.EADDRNOTAVAIL):
				return Result{Fail, "this machine has not the address of " + text, "correct the address in the config; 127.0.0.1 is this machine itself"}
			case own != 0 && (len(who) == 0 && l.Key == "web.listen" || slices.ContainsFunc(who, func(p Process) bool { return p.PID == own })):
				continue
			case len(who) > 0:
				text += " by " + who[0].String()
			}
			held = append(held, text)
		}
		if len(held) > 0 {
			return Result{Fail, "ports that the service needs are held: " + strings.Join(held, ", "), "stop that program, or choose another port in the config"}
		}
		if len(low) > 0 {
			if s, err := manager(ctx); err == nil && s.Installed {
				return Result{State: Skipped, Detail: "this account may not try a port below 1024: " + strings.Join(low, ", ")}
			}
			return Result{Fail, "only an installed service or root may listen below port 1024: " + strings.Join(low, ", "), "choose a port above 1023 in the config, or `clinicgate service install`"}
		}
		return Result{State: OK, Detail: "the ports that the service needs are free"}
	}}
}
