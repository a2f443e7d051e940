package webtest

import "testing"

// TestOlderViewIsLetGo: a picture that was overtaken must not end the next
// patient's visit with the number of the one before.
func TestOlderViewIsLetGo(t *testing.T) {
	t.Parallel()
	b := &Browser{rev: make(chan struct{})}
	for _, v := range []View{{Epoch: "a", Rev: 7, State: "done"}, {Epoch: "a", Rev: 8, State: "attract"}, {Epoch: "a", Rev: 7, State: "done"}} {
		b.show(v)
	}
	if b.view.State != "attract" {
		t.Errorf("the browser shows %q", b.view.State)
	}
	b.show(View{Epoch: "b", Rev: 1, State: "language"}) // of the gateway's next life
	if b.view.State != "language" {
		t.Errorf("after a restart the browser shows %q", b.view.State)
	}
}
