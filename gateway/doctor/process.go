package doctor

import (
	"context"
	"fmt"
	"net"
	"strings"
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

// PortsFree looks, while no service runs, who holds the ports that it needs.
func PortsFree(listeners []Port) Check {
	return Check{ID: "ports-free", Run: func(ctx context.Context) Result {
		var held []string
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
			if who := ListenersOn(l.Address); len(who) > 0 {
				text += " by " + who[0].String()
			}
			held = append(held, text)
		}
		if len(held) > 0 {
			return Result{Fail, "ports that the service needs are held: " + strings.Join(held, ", "), "stop that program, or choose another port in the config"}
		}
		return Result{State: OK, Detail: "the ports that the service needs are free"}
	}}
}
