package gateway_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage/keyring"

	"github.com/google/uuid"
)

// successor is another kiosk of the same clinic, on a machine with another key
// source, as it is before its first start.
func (c *clinic) successor() *clinic {
	c.t.Helper()
	next := &clinic{t: c.t, cfg: c.cfg, pubnub: c.pubnub, maker: c.maker, cipher: c.cipher}
	dir := c.t.TempDir()
	next.cfg.Kiosk.ID, next.cfg.Kiosk.Letter = "lobby-2", "B"
	next.cfg.Storage.Dir, next.cfg.Control.Path = filepath.Join(dir, "data"), filepath.Join(dir, "c", "sock")
	next.cfg.KeySource = config.KeySource{Kind: config.KeySourcePassphrase, File: filepath.Join(dir, "passphrase")}
	if err := config.CreatePassphrase(next.cfg.KeySource.File); err != nil {
		c.t.Fatal(err)
	}
	ring, err := keyring.Create(c.t.Context(), dirFor(c.t, next.cfg.Storage.Dir), next.cfg.KeySource.Source(), keyring.Options{Classes: gateway.Classes()})
	if err != nil {
		c.t.Fatal(err)
	}
	ring.Close()
	return next
}

// held gives the ids of what PubNub holds on a channel, by the kiosk
// that said it.
func (c *clinic) held(channel string, keys map[string]ed25519.PublicKey) map[string][]uuid.UUID {
	c.t.Helper()
	out := map[string][]uuid.UUID{}
	c.said = ""
	for _, m := range c.pubnub.History(channel) {
		var text string
		if json.Unmarshal(m.Payload, &text) != nil {
			c.t.Fatalf("%s holds something that is not encrypted", channel)
		}
		var env wire.Envelope
		if _, _, err := c.cipher.Decrypt(text, func(plain []byte) bool {
			e, err := wire.Parse(plain)
			env = e
			return err == nil
		}); err != nil {
			c.t.Fatal(err)
		}
		if pub := keys[env.GW.Kiosk]; pub == nil || env.Verify(channel, pub) != nil {
			c.t.Errorf("%s: a message of %s does not verify", channel, env.GW.Kiosk)
		}
		for _, e := range env.Events {
			out[env.GW.Kiosk] = append(out[env.GW.Kiosk], e.GW.ID)
			c.said += string(e.Body) + "\n"
		}
	}
	return out
}

// recoverable gives a kiosk a recovery key, and who signs what it publishes.
func recoverable(t *testing.T, old *clinic) (keyring.RecoveryPrivate, map[string]ed25519.PublicKey) {
	t.Helper()
	private, err := keyring.NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	public, err := private.Public()
	if err != nil {
		t.Fatal(err)
	}
	list, err := old.control.SetRecovery(t.Context(), control.KeyRecovery{Public: public.String()})
	if err != nil {
		t.Fatal(err)
	}
	return private, map[string]ed25519.PublicKey{"lobby-1": list.Public}
}

// A kiosk dies with events that it had not sent. The kiosk that replaces it, on
// another machine with another key source, sends them under the dead one's identity
// from its backup and the recovery key, once each, and then that identity signs
// nothing any more. Neither is it an alarm.
func TestADeadKiosksUnsentEventsAreSentByItsReplacement(t *testing.T) {
	t.Parallel()
	old := newClinic(t)
	private, keys := recoverable(t, old)
	old.typed(old.browser(), old.admit("apt-1"))
	old.eventually("everything delivered", old.drained)

	offline := old.pubnub.Faults().Add(emulator.Rule{Action: emulator.Reset})
	ticket := old.typed(old.browser(), old.admit("apt-2"))
	file := filepath.Join(t.TempDir(), "night.cgbackup")
	made, err := old.control.StoreBackup(t.Context(), control.StoreBackup{To: file}, func(control.Progress) {})
	if err != nil || made.Unsent == 0 || !made.Recovery {
		t.Fatalf("backup: %+v, %v", made, err)
	}
	// After the backup the network is back for a while: all of it is sent by the old
	// kiosk, and the replacement cannot know.
	offline.Clear()
	old.eventually("the old kiosk sent what it had", old.drained)
	before := old.held("queue.cardiology", keys)["lobby-1"]
	if len(before) == 0 {
		t.Fatal("the old kiosk sent nothing")
	}
	if err := old.stop(); err != nil {
		t.Fatal(err)
	}

	next := old.successor()
	restore := gateway.Restore{File: file, By: kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ada"}}
	if _, err := restore.Replace(t.Context(), next.cfg); err == nil || !strings.Contains(err.Error(), "does not open the backup") {
		t.Errorf("without the recovery key: %v", err)
	}
	restore.Private = &private
	if _, err := restore.Replace(t.Context(), old.cfg); err == nil || !strings.Contains(err.Error(), "has the id of the kiosk") {
		t.Errorf("onto the same id: %v", err)
	}
	done, err := restore.Replace(t.Context(), next.cfg)
	if err != nil || done.Unsent != made.Unsent {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := restore.Replace(t.Context(), next.cfg); err == nil {
		t.Error("the same kiosk was taken over twice")
	}
	left, err := filepath.Glob(filepath.Join(next.cfg.Storage.Dir, "predecessors", "*.new"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %v", left)
	}

	next.start()
	mine, err := next.control.KeyList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys["lobby-2"] = mine.Public
	state := func() control.Predecessor {
		s, err := next.control.Sync(t.Context())
		if err != nil || len(s.Predecessors) != 1 || !s.Balanced {
			t.Fatalf("%+v, %v", s, err)
		}
		return s.Predecessors[0]
	}
	next.eventually("the dead kiosk is retired", func() bool { return !state().Retired.IsZero() })
	if p := state(); p.Kiosk != "lobby-1" || p.Counts.Queued != 0 || p.Counts.Accepted != p.Counts.Delivered {
		t.Errorf("%+v", p)
	}
	if list, err := next.control.KeyList(t.Context()); err != nil || !slices.ContainsFunc(list.Secrets, func(k control.KeyInfo) bool {
		return k.Kind == string(keyring.KioskPublic) && k.Owner == "lobby-1" && !k.Until.IsZero()
	}) {
		t.Errorf("the retired kiosk's key has no end: %+v, %v", list.Secrets, err)
	}
	next.eventually("the new kiosk has sent its own", next.drained)
	seen := map[uuid.UUID]int{}
	for _, id := range next.held("queue.cardiology", keys)["lobby-1"] {
		if seen[id]++; seen[id] > 1 {
			t.Errorf("event %s was published again", id)
		}
	}
	if len(seen) != len(before) {
		t.Errorf("%d events of the dead kiosk, %d before", len(seen), len(before))
	}
	next.held("audit.org", keys)
	audit := next.said
	for _, want := range []string{"KIOSK_REPLACED", "KIOSK_RETIRED"} {
		if strings.Count(audit, `"`+want+`"`) != 1 {
			t.Errorf("the audit log has %s %d times", want, strings.Count(audit, want))
		}
	}
	if strings.Contains(audit, "STORE_RECOVERED") {
		t.Error("the takeover was reported as a rollback")
	}
	next.eventually("the dead kiosk's patient is in the queue", func() bool {
		list, err := next.control.QueueList(t.Context())
		for _, e := range list.Entries {
			if e.Ticket == ticket {
				return true
			}
		}
		return err != nil
	})

	// Its identity signs nothing any more, and a restart does not begin again.
	if err := next.stop(); err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Open(t.Context(), keyring.Dir(filepath.Join(next.cfg.Storage.Dir, "predecessors", "lobby-1")), next.cfg.KeySource.Source(), keyring.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if ring.Signs() || len(ring.OwnPublicKeys()) != 1 {
		t.Error("the dead kiosk's signing key is still there")
	}
	ring.Close()
	next.start()
	if p := state(); p.Retired.IsZero() || p.Counts.Queued != 0 {
		t.Errorf("after a restart: %+v", p)
	}
}

// The dead kiosk never came back: its replacement sends everything that the backup
// holds, also when it is killed in between.
func TestAReplacementThatIsStoppedGoesOnSending(t *testing.T) {
	t.Parallel()
	old := newClinic(t)
	private, keys := recoverable(t, old)
	offline := old.pubnub.Faults().Add(emulator.Rule{Action: emulator.Reset})
	old.typed(old.browser(), old.admit("apt-1"))
	if err := old.stop(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "last.cgbackup")
	var log bytes.Buffer
	o := gateway.Options{Logger: slog.New(slog.NewTextHandler(&log, nil)), Version: "test"}
	made, err := gateway.BackUp(t.Context(), old.cfg, o, kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ada"}, file, nil)
	if err != nil || made.Unsent == 0 {
		t.Fatalf("%+v, %v\n%s", made, err, log.String())
	}
	if err := os.RemoveAll(old.cfg.Storage.Dir); err != nil {
		t.Fatal(err)
	}

	next := old.successor()
	if _, err := (gateway.Restore{File: file, Private: &private, By: kiosk.Actor{Kind: kiosk.ActorStaff, ID: "ada"}}).Replace(t.Context(), next.cfg); err != nil {
		t.Fatal(err)
	}
	next.start()
	if err := next.stop(); err != nil { // offline: nothing could be sent
		t.Fatal(err)
	}
	next.start()
	mine, err := next.control.KeyList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys["lobby-2"] = mine.Public
	if s, err := next.control.Sync(t.Context()); err != nil || len(s.Predecessors) != 1 || s.Predecessors[0].Counts.Queued != made.Unsent {
		t.Fatalf("%+v, %v", s.Predecessors, err)
	}
	offline.Clear()
	next.eventually("the dead kiosk is retired", func() bool {
		s, err := next.control.Sync(t.Context())
		return err == nil && s.Balanced && !s.Predecessors[0].Retired.IsZero() && s.Predecessors[0].Counts.Delivered == s.Predecessors[0].Counts.Accepted
	})
	if got := next.held("queue.cardiology", keys)["lobby-1"]; len(got) == 0 {
		t.Error("nothing of the dead kiosk arrived")
	}
}
