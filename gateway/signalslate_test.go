package gateway_test

import (
	"context"
	"encoding/json"
	"testing"

	"clinicgate/gateway/control"
)

// A lamp that does what it is told and does not say so is turned off all the same when
// the call was answered in between: that it was told "off" before says nothing.
func TestALampThatDidNotAnswerIsTurnedOff(t *testing.T) {
	t.Parallel()
	c, connect := deviceRoom(t)
	lamp, button := connect("lamp-1", c.credential("lamp-1")), connect("wc-button", c.credential("wc-button"))
	told, up := make(chan string, 64), make(chan struct{}, 10)
	lamp.Subscribe("clinic/main/lobby-1/lamp/lamp-1/command", func(_ context.Context, _ string, payload []byte) error {
		var is struct {
			ID   string
			Args map[string]string
		}
		if err := json.Unmarshal(payload, &is); err != nil {
			return err
		}
		told <- is.Args["pattern"]
		if is.Args["pattern"] == "off" {
			go func() { _ = say(t, lamp, "clinic/main/lobby-1/lamp/lamp-1/ack", `{"v":1,"id":"`+is.ID+`","ok":true}`) }()
		}
		return nil
	})
	lamp.Connected(func() { up <- struct{}{} })
	runClient(t, lamp)
	<-up
	runClient(t, button)
	hears := func(want string) { t.Helper(); hear(t, told, want) }
	if err := say(t, lamp, "clinic/main/lobby-1/lamp/lamp-1/state", `{"v":1,"state":"ready"}`); err != nil {
		t.Fatal(err)
	}
	hears("off")
	c.eventually("the lamp has said that it is off", func() bool { return c.device("lamp").Counters.Commands > 0 })
	if err := say(t, button, "clinic/main/lobby-1/button/wc-button/event", `{"v":1,"seq":1,"event":"press"}`); err != nil {
		t.Fatal(err)
	}
	hears("fast-blink")
	help, err := c.control.HelpList(t.Context())
	if err != nil || len(help.Help) != 1 {
		t.Fatalf("help: %+v, %v", help, err)
	}
	if _, err := c.control.AcknowledgeHelp(t.Context(), control.AcknowledgeHelp{ID: help.Help[0].ID}); err != nil {
		t.Fatal(err)
	}
	hears("off")
}
