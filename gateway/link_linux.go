package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// watchLinks calls changed whenever the system says that an interface or an
// address came or went (rtnetlink(7)), until ctx ends. Several changes in a row
// are one.
func watchLinks(ctx context.Context, changed func()) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("cannot watch network links: %w", err)
	}
	defer unix.Close(fd)
	groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR | unix.RTMGRP_IPV4_ROUTE)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		return fmt.Errorf("cannot watch network links: %w", err)
	}
	// The read returns now and then, so that the end of ctx is noticed.
	wait := unix.NsecToTimeval(int64(300 * time.Millisecond))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return fmt.Errorf("cannot watch network links: %w", err)
	}
	buf := make([]byte, 16<<10)
	pending := false
	for ctx.Err() == nil {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		switch {
		case err == nil && n > 0, errors.Is(err, unix.ENOBUFS): // overrun: something changed
			pending = true
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
			if pending {
				pending = false
				changed()
			}
		case err != nil:
			return fmt.Errorf("cannot watch network links: %w", err)
		}
	}
	return nil
}
