package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// child is the gateway's process. Whoever ends it, it is started again within
// two seconds.
type child struct {
	binary string
	config string
	out    io.Writer
	moved  func() // the pid changed

	mu      sync.Mutex
	process *os.Process // nil while there is none
	starts  int
}

func (c *child) pid() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return 0
	}
	return c.process.Pid
}

// kill ends the gateway as a power cut ends a process.
func (c *child) kill() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.process == nil {
		return fmt.Errorf("the gateway is not running")
	}
	return c.process.Kill()
}

const restartAfter = 300 * time.Millisecond

func (c *child) run(ctx context.Context) error {
	for {
		began := time.Now()
		err := c.once(ctx)
		if ctx.Err() != nil {
			return nil
		}
		fmt.Fprintf(c.out, "the gateway ended (%v); it is started again\n", err)
		wait := restartAfter
		if time.Since(began) < time.Second {
			wait = 1500 * time.Millisecond // it does not start at all: do not spin
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

func (c *child) once(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, c.binary, "run", "--config", c.config)
	cmd.Stdout, cmd.Stderr = c.out, c.out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 8 * time.Second
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("cannot start the gateway: %w", err)
	}
	c.set(cmd.Process)
	err := cmd.Wait()
	c.set(nil)
	return err
}

func (c *child) set(p *os.Process) {
	c.mu.Lock()
	c.process = p
	if p != nil {
		c.starts++
	}
	c.mu.Unlock()
	c.moved()
}
