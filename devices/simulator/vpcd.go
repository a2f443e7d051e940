package simulator

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Hold holds a card to the virtual reader of the package vsmartcard-vpcd, which
// listens at address (by default 127.0.0.1:35963) while pcscd runs with it, until
// ctx ends. The driver speaks first; a message is its length in two bytes and
// what it says.
func Hold(ctx context.Context, address string, card *Card) error {
	conn, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("cannot hold the card to the virtual reader: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	for {
		message, err := vpcdRead(conn)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("virtual reader is gone: %w", err)
		}
		var answer []byte
		switch {
		case len(message) > 1:
			answer = card.answer(message)
		case len(message) == 1 && message[0] == 4: // which card is it?
			answer = card.atr()
		default: // off, on, reset: nothing is said to these
			continue
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil && ctx.Err() == nil {
			return fmt.Errorf("virtual reader is gone: %w", err)
		}
	}
}

func vpcdRead(r io.Reader) ([]byte, error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint16(size[:])
	if n > 512 {
		return nil, errors.New("message is too long")
	}
	message := make([]byte, n)
	_, err := io.ReadFull(r, message)
	return message, err
}
