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

// makes is the endpoint that makes one.
func makes(name string, roles Roles, f func(context.Context, Caller, BundleWanted, func(Progress)) (BundleMade, error)) endpoint {
	return begun(name, roles, "sections", func(ctx context.Context, by Caller, in BundleWanted, w *lineWriter) (BundleMade, error) {
		return f(ctx, by, in, w.progress)
	})
}

// MakeBundle asks for a bundle. The error wraps ErrHangs when the service does not
// begin to answer.
func (c *Client) MakeBundle(ctx context.Context, in BundleWanted, progress func(Progress)) (BundleMade, error) {
	return followBegun[BundleMade](ctx, c, "bundle/make", in, tells(progress))
}
