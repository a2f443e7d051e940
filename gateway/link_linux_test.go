package gateway

import (
	"context"
	"testing"
	"time"
)

// TestWatchLinksEnds shows that the watch opens without privileges and ends with
// its context. That it hears a link is shown by the end-to-end tests, which may
// make interfaces.
func TestWatchLinksEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := watchLinks(ctx, func() {}); err != nil {
		t.Fatal(err)
	}
}
