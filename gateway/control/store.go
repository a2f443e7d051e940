package control

import (
	"context"

	"clinicgate/storage"
)

// StoreCheck asks for a check of the store's file.
type StoreCheck struct {
	Full bool `json:"full"` // every record, not only structure and the newest
}

// Compacted is what a compaction gave back, in bytes.
type Compacted struct {
	Before int64 `json:"before"`
	After  int64 `json:"after"`
}

// StoreCheck checks the store's file.
func (c *Client) StoreCheck(ctx context.Context, in StoreCheck, progress func(Progress)) (storage.Report, error) {
	return follow[storage.Report](ctx, c, "store/check", in, progress)
}

// StoreCompact rewrites the store's file without its empty pages.
func (c *Client) StoreCompact(ctx context.Context, progress func(Progress)) (Compacted, error) {
	return follow[Compacted](ctx, c, "store/compact", None{}, progress)
}
