package doctor_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"clinicgate/gateway/doctor"
)

// field is what edge gateways in the field are asked for, and which checks answer it
// here; why says why none does.
type field struct {
	question string
	checks   []string
	why      string
}

func fieldTable() []field {
	ids := func(list ...string) []string { return list }
	return []field{
		{"is it installed, as this program", ids("svc-installed"), ""},
		{"does it run, and how often did it end", ids("svc-running"), ""},
		{"is it started again", ids("svc-recovery"), ""},
		{"whose rights has it", ids("svc-account"), ""},
		{"may it run at all", ids("svc-retired"), ""},
		{"is there a second copy", ids("svc-duplicate", "ports-free"), ""},
		{"is the program the released one", nil, "package managers verify what they installed, and `clinicgate upgrade` what it installs; a program cannot vouch for itself"},
		{"is it the newest", nil, "nobody is asked for releases: a kiosk may have no way but to PubNub"},
		{"can the config be used", ids("cfg-parse"), ""},
		{"is the config in use", ids("cfg-applied", "log-level"), ""},
		{"does the service fit the config", ids("svc-dropins"), ""},
		{"who may get at files and the control channel", ids("file-perms", "file-owner", "control-roles"), ""},
		{"do the keys open", ids("key-open", "key-copies", "key-source", "recovery-key", "key-clinic"), ""},
		{"how old are the keys", ids("key-age"), ""},
		{"when do tokens and certificates end", ids("pubnub-token", "desk-cert", "mqtt-cert"), ""},
		{"is the time trusted", ids("clock-trust"), ""},
		{"how wrong is the clock", ids("clock-offset"), ""},
		{"was the clock set", ids("clock-jump"), ""},
		{"is the zone the clinic's", ids("clock-zone"), ""},
		{"is there space", ids("disk-free"), ""},
		{"can the disk be written, and how fast; does a virus scanner hold it", ids("disk-write"), ""},
		{"is the disk healthy", ids("disk-health"), ""},
		{"how long will it last", ids("disk-wear"), ""},
		{"what file system is it", ids("disk-mount", "disk-inodes"), ""},
		{"does the store open", ids("store-open"), ""},
		{"is the store whole", ids("store-check"), ""},
		{"how full is it, and when will it be", ids("store-space"), ""},
		{"how old is the last good copy", ids("store-backup"), ""},
		{"was damage set aside", ids("store-aside", "store-recovered"), ""},
		{"is the audit log whole", ids("audit-chain", "audit-sink"), ""},
		{"is every event accounted for", ids("loss-equation"), ""},
		{"what waits, for how long, and does it move", ids("sync-backlog", "sync-link"), ""},
		{"what was refused, dropped or expired", ids("store-losses"), ""},
		{"how much is sent twice", nil, "receivers leave out what they have; the metrics count it"},
		{"is the network there", ids("net-link"), ""},
		{"are names found", ids("net-dns"), ""},
		{"is there a portal", ids("net-captive"), ""},
		{"does the proxy let it through", ids("net-proxy"), ""},
		{"is the connection opened on the way", ids("net-tls"), ""},
		{"is the port open", ids("net-port"), ""},
		{"do large messages pass; how long is the way", nil, "the uplink shrinks what does not pass, and the metrics have its times"},
		{"do the keyset's keys and the grant fit", ids("pubnub-keys", "pubnub-grant", "unsigned-senders"), ""},
		{"does PubNub answer, and keep", ids("pubnub-answer", "pubnub-history"), ""},
		{"are messages small enough, is one tried again", nil, "an event is refused before it is stored when it cannot be sent, and the waits between tries are no setting"},
		{"does the MQTT broker listen, for whom, and does it serve", ids("mqtt-local", "mqtt-broker", "site-exchange"), ""},
		{"who is refused there", ids("mqtt-clients"), ""},
		{"were the devices on MQTT heard", ids("mqtt-silent"), ""},
		{"is every device there, with a driver", ids("dev-there"), ""},
		{"may it be opened", ids("dev-rights"), ""},
		{"does another program hold it", ids("dev-busy"), ""},
		{"does it say what ails it: paper, a button that is stuck, a battery", ids("dev-trouble", "dev-battery"), ""},
		{"does it come and go, or is it put to sleep", ids("dev-flap"), ""},
		{"does the page answer", ids("page-up"), ""},
		{"to this machine only", ids("page-loopback"), ""},
		{"would a check-in be kept", ids("page-commit"), ""},
		{"is the page on the screen", ids("page-browser"), ""},
		{"does the page need the internet", nil, "everything is in the program, and a test of the page refuses an address outside"},
		{"memory, processor, files", ids("res-memory", "res-cpu", "res-files", "res-work"), ""},
		{"did the machine or the system end it", ids("sys-reboots", "sys-kill"), ""},
		{"does the system wait for a restart", ids("sys-pending"), ""},
		{"does the machine sleep, or grow slow", ids("sys-sleep", "sys-throttle"), ""},
		{"how did the last upgrade go", ids("upd-state"), ""},
		{"is there anything about a person in the logs", nil, "the bundle scans itself and refuses to be written; tests plant names everywhere"},
		{"is it the clinic's day", ids("roster-age", "roster-held", "ticket-letter"), ""},
	}
}

// harmless are checks that never ask for anybody.
var harmless = map[string]string{
	"audit-sink":  "that there is no second way out is said and is no alarm",
	"sys-pending": "a restart of the machine is for the clinic to choose",
}

// Every check answers a question, every question has an answer or a reason, and every
// check is shown to fail or warn by a fault: one that is made up here, or one of the
// suite in faults.
func TestEveryCheckHasAFault(t *testing.T) {
	broken := map[string]bool{"file-owner": true, "res-cpu": true, "sys-throttle": true, "res-work": true} // tests of their own names
	for _, c := range checkRows() {
		broken[c.check.ID] = broken[c.check.ID] || c.want.Bad()
	}
	for _, c := range managedRows() {
		broken[c.check.ID] = broken[c.check.ID] || c.want.Bad()
	}
	files, _ := filepath.Glob(filepath.Join("faults", "*_test.go"))
	cause := regexp.MustCompile(`cause: "([a-z-]+)"`)
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range cause.FindAllSubmatch(text, -1) {
			broken[string(m[1])] = true
		}
	}
	var answered []string
	for _, f := range fieldTable() {
		if (len(f.checks) == 0) != (f.why != "") {
			t.Errorf("%q: want checks, or a reason why there is none", f.question)
		}
		answered = append(answered, f.checks...)
	}
	for _, topic := range doctor.Catalogue() {
		if !slices.Contains(answered, topic.ID) {
			t.Errorf("%s answers no question of the table", topic.ID)
		}
		if _, never := harmless[topic.ID]; !never && !broken[topic.ID] {
			t.Errorf("%s: no fault makes it fail or warn", topic.ID)
		}
	}
	for _, id := range answered {
		if _, known := doctor.TopicOf(id); !known {
			t.Errorf("%s of the table is no check", id)
		}
	}
}
