package control

import "context"

// BundleWanted asks for a bundle for whoever helps from elsewhere.
type BundleWanted struct {
	Profiles bool     `json:"profiles,omitempty"` // with those of goroutines and memory
	Without  []string `json:"without,omitempty"`  // sections to leave out
}

// BundleMade is a bundle that was searched for what must not be in it.
type BundleMade struct {
	Name string `json:"name"` // of the file
	File []byte `json:"file"` // a zip of at most 10 MB
}

// MakeBundle asks for a bundle.
func (c *Client) MakeBundle(ctx context.Context, in BundleWanted, progress func(Progress)) (BundleMade, error) {
	return follow[BundleMade](ctx, c, "bundle/make", in, progress)
}
