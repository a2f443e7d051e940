package faults_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"clinicgate/devices/simulator"
	"clinicgate/gateway/doctor"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/gateway/upgrade"
)

// fault is one thing that is broken, and the check that has to name it as the cause.
type fault struct {
	name  string
	cause string
	says  string       // part of what it says
	world func(*kiosk) // before anything is made
	disk  func(*kiosk) // before the start
	after func(*kiosk) // while everything runs well

	down    doctor.Answer // the service is looked for and found so, instead of asked
	stopped func(*kiosk)  // after it ran, with down
}

func faults() []fault {
	return []fault{
		// Config and files.
		{name: "a setting was changed and not applied", cause: "cfg-applied", says: "kiosk", after: func(k *kiosk) { k.set("kiosk.clinic", "Riverside"); k.writeConfig() }},
		{name: "the config was broken while the service runs", cause: "cfg-parse", says: "line ", after: func(k *kiosk) { put(k.t, k.file, "[kiosk]\nid = lobby\n", 0o640) }},
		{name: "the config has an unknown key", cause: "cfg-parse", says: "line ", down: doctor.NoService, stopped: func(k *kiosk) { k.extra += "colour = \"red\"\n"; k.writeConfig() }},
		{name: "the config is gone", cause: "cfg-parse", says: "cannot read config", down: doctor.NoService, stopped: func(k *kiosk) { remove(k, k.file) }},
		{name: "a CA file is gone", cause: "cfg-parse", says: "pubnub.ca_file", down: doctor.NoService, stopped: func(k *kiosk) { remove(k, k.settings["pubnub.ca_file"]) }},
		{name: "others may write the config", cause: "file-perms", says: "config.toml", after: func(k *kiosk) { mode(k, k.file, 0o666) }},
		{name: "others may read the token", cause: "file-perms", says: "mode 0644", after: func(k *kiosk) { mode(k, k.settings["pubnub.token_file"], 0o644) }},
		{name: "others may read the store", cause: "file-perms", says: "store.db", after: func(k *kiosk) { mode(k, k.data("store.db"), 0o604) }},
		{name: "others may enter the data folder", cause: "file-perms", says: "data", after: func(k *kiosk) { mode(k, k.data(""), 0o755) }},

		{name: "others may ask the service", cause: "file-perms", says: "c.sock", after: func(k *kiosk) { mode(k, k.settings["control.path"], 0o666) }},
		{name: "a role is for a group that is not there", cause: "control-roles", says: "group:front-desk", world: func(k *kiosk) { k.extra += "[control.roles]\ndesk = [\"group:front-desk\"]\n" }},

		// Disk.
		{name: "the budget is larger than the disk", cause: "disk-free", says: "are free", world: func(k *kiosk) { k.set("storage.budget", "400GiB") }},
		{name: "the data lies in memory", cause: "disk-mount", says: "tmpfs", world: func(k *kiosk) {
			k.set("storage.dir", filepath.Join(folder(k.t, "/dev/shm"), "data"))
			k.set("backup.dir", folder(k.t, "/var/tmp"))
		}},
		{name: "the data folder is gone", cause: "disk-mount", says: "cannot be looked at", down: doctor.NoService, stopped: func(k *kiosk) { _ = os.RemoveAll(k.data("")) }},
		{name: "something is in the way of every write", cause: "disk-write", says: "cannot be written", after: func(k *kiosk) {
			if err := os.MkdirAll(k.data(fmt.Sprintf("doctor-probe-%d.new/x", os.Getpid())), 0o700); err != nil {
				k.t.Fatal(err)
			}
		}},

		// Keys.
		{name: "the key lies in a file", cause: "key-source", says: "in a file", world: func(k *kiosk) {
			k.set("key_source.kind", "key-file")
			k.set("key_source.file", filepath.Join(k.dir, "root.key"))
		}},
		{name: "the passphrase lies in a file", cause: "key-source", says: "file", disk: passphraseFile},
		{name: "no recovery key", cause: "recovery-key", says: "no recovery key", world: func(k *kiosk) { k.recovery = false }},
		{name: "a copy of the keyring is damaged", cause: "key-copies", says: "one of the two", after: func(k *kiosk) { put(k.t, k.data("keyring.b"), "x", 0o600) }},
		{name: "keys of two years ago", cause: "key-age", says: "days old", world: func(k *kiosk) { k.keysMade = func() time.Time { return time.Now().AddDate(-2, 0, 0) } }},
		{name: "no cipher key", cause: "key-clinic", says: "cipher", world: lacks("pubnub-cipher")},
		{name: "no patient reference key", cause: "key-clinic", says: "reference", world: func(k *kiosk) { lacks("patient-reference")(k); k.roster = time.Time{} }},
		{name: "no ticket key", cause: "key-clinic", says: "ticket", world: lacks("ticket")},
		{name: "no appointment code key", cause: "key-clinic", says: "appointment", world: lacks("appointment-code")},
		{name: "a wrong passphrase", cause: "key-open", says: "does not open", disk: passphraseFile, down: doctor.NoService, stopped: func(k *kiosk) { put(k.t, k.settings["key_source.file"], "another passphrase of somebody", 0o600) }},
		{name: "the keyring is gone", cause: "key-open", says: "no keyring", disk: passphraseFile, down: doctor.NoService, stopped: func(k *kiosk) { remove(k, k.data("keyring.a")); remove(k, k.data("keyring.b")) }},

		// Store.
		{name: "the store is damaged and nobody has started it", cause: "store-check", says: "damaged", disk: passphraseFile, down: doctor.NoService, stopped: damage},
		{name: "the store was damaged", cause: "store-recovered", says: "damaged", after: func(k *kiosk) { k.stop(); damage(k); k.again() }},
		{name: "an old copy of the store was put back", cause: "store-recovered", says: "older copy", after: func(k *kiosk) {
			k.stop()
			old := k.read("store.db")
			k.again()
			k.stop()
			put(k.t, k.data("store.db"), old, 0o600)
			k.again()
		}},
		{name: "the store's file was lost", cause: "store-recovered", says: "gone", after: func(k *kiosk) { k.stop(); remove(k, k.data("store.db")); k.again() }},
		{name: "a record was altered below the running service", cause: "audit-chain", says: "the audit log is not whole", after: alter},
		{name: "damaged files were set aside", cause: "store-aside", says: "set aside: 1", after: func(k *kiosk) {
			if err := os.MkdirAll(k.data("quarantine"), 0o700); err != nil {
				k.t.Fatal(err)
			}
			put(k.t, k.data("quarantine/store-1.db"), "x", 0o600)
		}},
		{name: "no backup is made", cause: "store-backup", says: "no nightly backup", world: func(k *kiosk) { k.set("backup.dir", ""); k.backup = false }},
		{name: "the backups lie on the store's disk", cause: "store-backup", says: "own disk", world: func(k *kiosk) { k.set("backup.dir", folder(k.t, "/var/tmp")) }},

		// Network.
		{name: "no name server answers", cause: "net-dns", says: "no name server answers", after: func(k *kiosk) { server.says(k.host, answer{refused: true}) }},
		{name: "the name is not known", cause: "net-dns", says: "knows no", after: func(k *kiosk) { server.forgets(k.host) }},
		{name: "captive portal that redirects", cause: "net-captive", says: "portal.example", after: func(k *kiosk) {
			k.elsewhere(nil, http.RedirectHandler("http://portal.example/login", http.StatusFound))
		}},
		{name: "captive portal with a page", cause: "net-captive", says: "page of its own", after: func(k *kiosk) {
			k.elsewhere(nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_, _ = io.WriteString(w, "<title>Sign in</title>")
			}))
		}},
		{name: "the firewall refuses the port", cause: "net-port", says: "nobody answers on port", after: func(k *kiosk) { server.says(k.host, answer{ip: [4]byte{127, 0, 0, 77}}) }},
		{name: "a private CA on the way", cause: "net-tls", says: "Hospital Inspection CA", after: func(k *kiosk) {
			cert := newAuthority(k.t, "Hospital Inspection CA").issue(k.t, k.host, time.Hour)
			k.elsewhere(&cert, http.NotFoundHandler())
		}},
		{name: "the certificate is for another name", cause: "net-tls", says: "other.example", after: func(k *kiosk) {
			cert := k.ca.issue(k.t, "other.example", time.Hour)
			k.elsewhere(&cert, http.NotFoundHandler())
		}},
		{name: "the certificate has ended", cause: "net-tls", says: "the certificate holds from", after: func(k *kiosk) {
			cert := k.ca.issue(k.t, k.host, -time.Hour)
			k.elsewhere(&cert, http.NotFoundHandler())
		}},
		{name: "something else than TLS answers", cause: "net-tls", says: "does not speak TLS", after: func(k *kiosk) {
			k.standIn(func(c net.Conn) { _, _ = io.WriteString(c, "220 mail.example ESMTP\r\n"); pause(c) })
		}},
		{name: "the firewall swallows what is sent", cause: "net-tls", says: "no answer in time", after: func(k *kiosk) { k.standIn(pause) }},
		{name: "the firewall breaks connections off", cause: "net-tls", says: "encrypted connection does not come about", after: func(k *kiosk) { k.standIn(func(net.Conn) {}) }},
		{name: "the proxy does not run", cause: "net-proxy", says: "does not answer", world: func(k *kiosk) { k.set("pubnub.proxy", "http://127.0.0.1:9") }},
		{name: "the proxy wants a password", cause: "net-proxy", says: "a user and a password", world: func(k *kiosk) { k.set("pubnub.proxy", proxy(k.t, 407, k.address, nil)) }},
		{name: "the proxy forbids PubNub", cause: "net-proxy", says: "status 403", world: func(k *kiosk) { k.set("pubnub.proxy", proxy(k.t, 403, k.address, nil)) }},
		{name: "the proxy's name is wrong", cause: "net-dns", says: "proxy.clinic.invalid", world: func(k *kiosk) { k.set("pubnub.proxy", "http://proxy.clinic.invalid:3128") }},
		{name: "an intercepting proxy", cause: "net-tls", says: "Proxy CA", world: func(k *kiosk) {
			cert := newAuthority(k.t, "Proxy CA").issue(k.t, k.host, time.Hour)
			k.set("pubnub.proxy", proxy(k.t, 200, k.address, &cert))
		}},

		// PubNub.
		{name: "PubNub has an outage", cause: "pubnub-answer", says: "trouble", after: func(k *kiosk) {
			k.double.Faults().Add(emulator.Rule{Action: emulator.Answer, Status: 503, Body: "{}"})
		}},
		{name: "the token has ended", cause: "pubnub-token", says: "expired", world: func(k *kiosk) { k.token.TTL = 60; k.token.Issued = time.Now().Add(-2 * time.Hour) }},
		{name: "there is no token", cause: "pubnub-token", says: "no usable token", world: func(k *kiosk) { k.token.TTL = 0 }},
		{name: "another kiosk's token", cause: "pubnub-token", says: "another user", world: func(k *kiosk) { k.token.UUID = "lobby-2" }},
		{name: "a file that is no token", cause: "pubnub-token", says: "not used", after: func(k *kiosk) { put(k.t, k.settings["pubnub.token_file"], "lorem ipsum", 0o600) }},
		{name: "the token lacks channels", cause: "pubnub-grant", says: "queue.cardiology", world: func(k *kiosk) {
			k.token.ChannelPatterns = emulator.Masks{"[adcerkw].*": 0xff}
		}},
		{name: "a wrong subscribe key", cause: "pubnub-keys", says: "subscribe key", world: func(k *kiosk) { k.set("pubnub.subscribe_key", "demo2") }},
		{name: "a wrong publish key", cause: "pubnub-keys", says: "publish key", world: func(k *kiosk) { k.set("pubnub.publish_key", "demo2") }},
		{name: "PubNub keeps no messages", cause: "pubnub-history", says: "Persistence", world: func(k *kiosk) { k.options.NoPersistence = true }},
		{name: "anybody may pose as staff", cause: "unsigned-senders", says: "Access Manager", world: func(k *kiosk) { k.options.AccessManager = false; k.set("pubnub.token_file", "") }},

		// Clock.
		{name: "the clock is three hours slow", cause: "clock-offset", says: "off by", world: clockOff(3 * time.Hour)},
		{name: "the clock is ten seconds fast", cause: "clock-offset", says: "off by", world: clockOff(-10 * time.Second)},
		{name: "the clock is wrong and no service runs", cause: "clock-offset", says: "off by", world: func(k *kiosk) { clockOff(2 * time.Hour)(k); k.page() }, down: doctor.NotForUs},

		// Devices.
		{name: "the scanner is not plugged in", cause: "dev-there", says: "front (", after: func(k *kiosk) { k.scanner.Unplug() }},
		{name: "the scanner's cable is loose", cause: "dev-flap", says: "front (3 times)", after: func(k *kiosk) {
			for n := int64(1); n <= 3; n++ {
				k.scanner.Unplug()
				k.until("the scanner is missed", func() bool { d, _ := k.control.Devices(k.t.Context()); return d.Devices[0].Losses == n })
				if err := k.scanner.Plug(); err != nil {
					k.t.Fatal(err)
				}
				k.until("the scanner is back", func() bool {
					d, _ := k.control.Devices(k.t.Context())
					return d.Devices[0].State == "attached"
				})
			}
		}},
		{name: "the printer has no paper", cause: "dev-trouble", says: "paper", after: func(k *kiosk) { k.paper.Set(simulator.Trouble{PaperOut: true}) }},
		{name: "the printer's cover is open", cause: "dev-trouble", says: "cover", after: func(k *kiosk) { k.paper.Set(simulator.Trouble{CoverOpen: true}) }},
		{name: "paper is jammed", cause: "dev-trouble", says: "jam", after: func(k *kiosk) { k.paper.Set(simulator.Trouble{Jam: true}) }},
		{name: "the printer is switched off", cause: "dev-trouble", says: "printer does not answer", world: func(k *kiosk) {
			k.extra = strings.Replace(k.extra, k.paper.Address(), "tcp:127.0.0.1:9", 1)
		}},

		{name: "a device's battery is nearly empty", cause: "dev-battery", says: "bell (9 %)", world: onMQTT, after: func(k *kiosk) { k.says(`{"v":1,"state":"ready","battery":9}`) }},
		{name: "a button is stuck", cause: "dev-trouble", says: "bell (said that it is offline: stuck)", world: onMQTT, after: func(k *kiosk) { k.says(`{"v":1,"state":"ready"}`, `{"v":1,"state":"offline","reason":"stuck"}`) }},
		{name: "a device on MQTT was never there", cause: "dev-there", says: "bell", world: onMQTT},

		// The clinic.
		{name: "no appointments", cause: "roster-age", says: "no appointments", world: func(k *kiosk) { k.roster = time.Time{} }},
		{name: "appointments of yesterday", cause: "roster-age", says: "newest appointments", world: func(k *kiosk) { k.roster = time.Now().AddDate(0, 0, -1) }},
		{name: "the watched folder is gone", cause: "roster-held", says: "no list can be imported", world: func(k *kiosk) { k.set("roster.folder", filepath.Join(k.dir, "lists")) }},
		{name: "the desk's certificate ends soon", cause: "desk-cert", says: "in 4 days", world: func(k *kiosk) {
			cert, key := write(k.t, k.dir, k.ca.issue(k.t, "desk.clinic.example", 5*24*time.Hour-time.Minute))
			k.set("desk.certificate", cert)
			k.set("desk.key", key)
		}},
		{name: "an MQTT certificate has ended", cause: "mqtt-cert", says: "ended on", world: func(k *kiosk) {
			cert, key := write(k.t, k.dir, k.ca.issue(k.t, "mqtt.clinic.example", -time.Hour))
			k.set("mqtt.broker", "tcp://127.0.0.1:9")
			k.set("mqtt.broker_certificate", cert)
			k.set("mqtt.broker_key", key)
			k.page()
		}, down: doctor.NotForUs},

		// Service and machine.
		{name: "the service does not run", cause: "svc-running", says: "does not run", down: doctor.NoService},
		{name: "the service hangs", cause: "svc-running", says: "hangs", down: doctor.Hangs},
		{name: "the service dies again and again", cause: "svc-running", says: "in a day: 3", after: func(k *kiosk) {
			k.remembers("died", []time.Time{time.Now(), time.Now(), time.Now()})
		}},
		{name: "a second copy runs with the same config", cause: "svc-duplicate", says: "with the same config: clinicgate (pid", after: second},
		{name: "a second copy holds on while no service runs", cause: "svc-duplicate", says: "with the same config", down: doctor.NoService, stopped: second},
		{name: "another program has the page's port", cause: "ports-free", says: "web.listen", down: doctor.NoService, stopped: func(k *kiosk) { k.taken("web.listen") }},
		{name: "another program has the broker's port", cause: "ports-free", says: "mqtt.listen", down: doctor.NoService, stopped: func(k *kiosk) { k.taken("mqtt.listen") }},
		{name: "the system killed the service for memory", cause: "sys-kill", says: "lack of memory", after: func(k *kiosk) { k.remembers("killed", []time.Time{time.Now()}) }},
		{name: "an upgrade was taken back", cause: "upd-state", says: "v0.2.0 was taken back", world: func(k *kiosk) {
			k.set("upgrade.dir", folder(k.t, "/var/tmp"))
			text, _ := json.Marshal(upgrade.State{V: 1, Last: &upgrade.Outcome{Result: upgrade.RolledBack, To: upgrade.Build{Version: "v0.2.0"}}})
			put(k.t, filepath.Join(k.settings["upgrade.dir"], "upgrade.json"), string(text), 0o644)
		}},
		{name: "the machine lost its power", cause: "sys-reboots", says: "without shutting down", after: func(k *kiosk) {
			k.remembers("boot", "another boot, which did not end")
		}},
	}
}

// Each fault is named first, and what else is found follows from it.
func TestFaults(t *testing.T) {
	t.Parallel()
	all := faults()
	if len(all) < 40 {
		t.Fatalf("%d faults, want 40 at least", len(all))
	}
	for _, f := range all {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			k := newKiosk(t)
			if f.world != nil {
				f.world(k)
			}
			k.prepare()
			if f.disk != nil {
				f.disk(k)
			}
			wanted, look := []string{f.cause}, k.look
			if f.down == "" || f.stopped != nil {
				if f.down != "" {
					// A service that was stopped before the fault has left its files.
					k.start()
					k.stop()
				} else {
					k.start()
					k.open()
				}
			} else {
				if k.settings["key_source.file"] == "" {
					k.settings["key_source.fd"] = "1023"
				}
				k.writeConfig()
			}
			if f.after != nil {
				if f.world == nil && f.disk == nil {
					k.drained()
				}
				f.after(k)
			}
			if f.stopped != nil {
				f.stopped(k)
			}
			if f.down != "" {
				look = func() ([]doctor.Report, error) { return k.outside(f.down) }
			}
			reports := k.settle(wanted, look)
			cause := doctor.Roots(reports)[0]
			if !strings.Contains(cause.Detail, f.says) || cause.Hint == "" || cause.Did == "" || len(cause.Impacts) == 0 {
				t.Errorf("%+v, want it to say %q, a hint, what was looked at and who is harmed", cause, f.says)
			}
			t.Logf("%-45s %-16s folded %2d   %s", f.name, cause.ID, doctor.Folded(reports, cause.ID), cause.Detail)
		})
	}
}

func (k *kiosk) data(name string) string { return filepath.Join(k.settings["storage.dir"], name) }

func (k *kiosk) read(name string) string {
	k.t.Helper()
	text, err := os.ReadFile(k.data(name))
	if err != nil {
		k.t.Fatal(err)
	}
	return string(text)
}

// again starts a kiosk once more.
func (k *kiosk) again() {
	k.t.Helper()
	k.start()
	k.drained()
}

// remembers starts a kiosk once more that remembers something else of its past.
func (k *kiosk) remembers(member string, value any) {
	k.t.Helper()
	k.stop()
	var m map[string]any
	if err := json.Unmarshal([]byte(k.read(doctor.MemoryFile)), &m); err != nil {
		k.t.Fatal(err)
	}
	m[member] = value
	text, _ := json.Marshal(m)
	put(k.t, k.data(doctor.MemoryFile), string(text), 0o600)
	k.again()
}

// second is a program that looks as this service does: its name, and its config.
func second(k *kiosk) {
	k.t.Helper()
	put(k.t, filepath.Join(k.dir, "run"), "read -r forever", 0o600)
	c := exec.Cmd{Path: "/bin/sh", Args: []string{"clinicgate", "run", "--config", k.file}, Dir: k.dir}
	in, err := c.StdinPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { _ = in.Close(); _ = c.Wait() })
}

func (k *kiosk) until(what string, holds func() bool) {
	k.t.Helper()
	k.within(60*time.Second, what, holds)
}

func (k *kiosk) within(bound time.Duration, what string, holds func() bool) {
	k.t.Helper()
	for end := time.Now().Add(bound); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	k.t.Fatalf("not within %v: %s", bound, what)
}

// standIn lets somebody else answer in PubNub's place, on another address and the same
// port, as a network that resolves or routes names its own way does.
func (k *kiosk) standIn(serve func(net.Conn)) {
	k.t.Helper()
	listenOn(k.t, "127.0.0.66:"+k.port, serve)
	server.says(k.host, answer{ip: [4]byte{127, 0, 0, 66}})
	k.double.Close() // who is connected already would not notice
	_ = k.shared.Close()
}

// elsewhere is standIn for one that speaks HTTP, with a certificate HTTPS.
func (k *kiosk) elsewhere(cert *tls.Certificate, h http.Handler) {
	k.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.66:"+k.port)
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { _ = l.Close() })
	web(k.t, l, cert, h)
	server.says(k.host, answer{ip: [4]byte{127, 0, 0, 66}})
}

// taken lets another program hold a port that the config then names.
func (k *kiosk) taken(key string) {
	k.t.Helper()
	l := listenOn(k.t, "127.0.0.1:0", pause)
	k.set(key, l.Addr().String())
	k.writeConfig()
}

// onMQTT adds a button that is on the embedded broker.
func onMQTT(k *kiosk) {
	k.extra += "[[device]]\nid = \"bell\"\nclass = \"button\"\nport = \"mqtt:bell\"\n"
}

// says publishes what that button says of itself (MQTT 3.1.1, 3.1 and 3.3), and stays
// connected.
func (k *kiosk) says(payloads ...string) {
	k.t.Helper()
	c, err := net.Dial("tcp", k.at.MQTT)
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() { _ = c.Close() })
	field := func(s string) string { return string([]byte{0, byte(len(s))}) + s }
	packet := func(kind byte, body string) string { return string([]byte{kind, byte(len(body))}) + body }
	all := packet(0x10, field("MQTT")+"\x04\x02\x00\x00"+field("bell"))
	for _, p := range payloads {
		all += packet(0x30, field("clinic/main/lobby-1/button/bell/state")+p)
	}
	if _, err := io.WriteString(c, all); err != nil {
		k.t.Fatal(err)
	}
}

// page answers as the page of a service that runs, and that this account may not ask.
func (k *kiosk) page() {
	k.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		k.t.Fatal(err)
	}
	k.set("web.listen", l.Addr().String())
	web(k.t, l, nil, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
	}))
}

// pause reads until the other side is gone.
func pause(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func remove(k *kiosk, path string) {
	k.t.Helper()
	if err := os.Remove(path); err != nil {
		k.t.Fatal(err)
	}
}

func mode(k *kiosk, path string, m os.FileMode) {
	k.t.Helper()
	if err := os.Chmod(path, m); err != nil {
		k.t.Fatal(err)
	}
}

func lacks(kind string) func(*kiosk) {
	return func(k *kiosk) {
		var left []string
		for _, have := range k.keyKinds {
			if have != kind {
				left = append(left, have)
			}
		}
		k.keyKinds = left
	}
}

func clockOff(by time.Duration) func(*kiosk) {
	return func(k *kiosk) {
		k.options.Now = func() time.Time { return time.Now().Add(by) }
		k.roster = time.Now().Add(by)
	}
}

// passphraseFile hands the passphrase over in a file.
func passphraseFile(k *kiosk) {
	k.set("key_source.file", filepath.Join(k.dir, "passphrase"))
	put(k.t, k.settings["key_source.file"], passphrase, 0o600)
}

// alter flips a bit of a record while the service runs.
func alter(k *kiosk) {
	k.t.Helper()
	data := []byte(k.read("store.db"))
	db := filepath.Join(k.dir, "copy.db")
	put(k.t, db, string(data), 0o600)
	copied, err := bolt.Open(db, 0o600, nil)
	if err != nil {
		k.t.Fatal(err)
	}
	var record []byte
	_ = copied.View(func(tx *bolt.Tx) error {
		_, v := tx.Bucket([]byte("events")).Cursor().First()
		record = bytes.Clone(v)
		return nil
	})
	_ = copied.Close()
	f, err := os.OpenFile(k.data("store.db"), os.O_WRONLY, 0)
	if err != nil {
		k.t.Fatal(err)
	}
	defer f.Close()
	for at := bytes.Index(data, record); at >= 0; at = bytes.Index(data, record) {
		data[at+40] ^= 1
		if _, err := f.WriteAt(data[at+40:at+41], int64(at+40)); err != nil {
			k.t.Fatal(err)
		}
	}
}

// damage flips bits in the pages of the store that hold something, but for the two that
// say what the file is.
func damage(k *kiosk) {
	k.t.Helper()
	data := []byte(k.read("store.db"))
	for at := 2 * 4096; at+4096 <= len(data); at += 4096 {
		if data[at+600] != 0 {
			data[at+600] ^= 1
		}
	}
	put(k.t, k.data("store.db"), string(data), 0o600)
}
