package bridge

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// The doors close behind those who were let in, once each of them is met, and for a
// moment only where one is not.
func TestDoorsClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoors()
		enter := func() (*visitor, net.Conn) {
			inside, outside := net.Pipe()
			return d.let(inside, false), outside
		}
		first, outside := enter()
		second, _ := enter()
		closed := make(chan struct{})
		go func() { d.close(); close(closed) }()
		go func() { _, _ = first.Read(make([]byte, 1)) }()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("the second was not waited for")
		default:
		}
		if v, _ := enter(); v != nil {
			t.Error("somebody was let in")
		}
		_ = second.Close()
		<-closed
		_ = outside.Close()
		if !d.shut {
			t.Error("the doors are open")
		}

		// One that nobody meets is not waited for long.
		d = newDoors()
		lost, _ := enter()
		began := time.Now()
		d.close()
		if took := time.Since(began); took != time.Second {
			t.Errorf("waited for %v", took)
		}
		_ = lost.Close()
	})
}
