package doctor

import "slices"

// Impact is who is harmed while a check fails.
type Impact string

// The impacts.
const (
	Patients Impact = "patients" // they cannot check in, or are misled
	Sync     Impact = "sync"     // staff elsewhere see an old queue
	Security Impact = "security" // somebody may see or do what they must not
	Support  Impact = "support"  // the next fault is harder to find or to survive
)

// Topic is what is always true of a check: what it does, who is harmed when it
// fails, and where to begin then.
type Topic struct {
	ID      string   `json:"id"`
	Does    string   `json:"does"`
	Next    string   `json:"next"`
	Impacts []Impact `json:"impacts"`
}

// catalogue is in the order of the numbers in support codes: a new check goes to
// the end, and a row never goes away.
var catalogue = []Topic{
	{"svc-running", "asks the service on its control channel", "`clinicgate service start`, or `clinicgate run` in the foreground to see why it ends", []Impact{Patients}},
	{"svc-installed", "asks the system's service manager for the service and the program that it starts", "`clinicgate service install`", []Impact{Patients}},
	{"svc-recovery", "reads how the service manager starts the service again after an error", "`clinicgate service install --repair`", []Impact{Patients}},
	{"svc-account", "looks which account the service runs under", "run it under its own account: `clinicgate service install`", []Impact{Security}},
	{"svc-duplicate", "looks for another clinicgate that runs", "stop the one that should not run", []Impact{Patients}},
	{"cfg-parse", "reads the config file as the service would", "`clinicgate config check` names every line", []Impact{Patients}},
	{"cfg-applied", "compares the config file with what the service runs with", "restart the service when no patient is at the kiosk", []Impact{Support}},
	{"file-perms", "looks who may read the config, the keys, the tokens and the store", "`clinicgate doctor --fix file-perms`", []Impact{Security}},
	{"disk-mount", "looks on what kind of file system the data lies and whether it can be written", "move storage.dir to a local disk; for one that became read-only, look at the system's log and replace it", []Impact{Patients}},
	{"disk-free", "compares the free space with what the store may still take", "free space on the disk of storage.dir, or lower storage.budget", []Impact{Patients}},
	{"disk-inodes", "counts the files that the file system can still hold", "remove small files from the disk of storage.dir", []Impact{Patients}},
	{"disk-write", "writes, syncs and renames 4 KiB in the data folder and times it", "exclude the data folder from virus scanners; look for disk errors in the system's log", []Impact{Patients}},
	{"disk-health", "reads what the disk says about its own wear", "replace the disk or card soon; take a backup first", []Impact{Patients}},
	{"disk-wear", "measures how much is written per day", "look what else writes to this disk", []Impact{Support}},
	{"key-open", "opens the keyring with its key source", "give the right passphrase, or use the recovery key", []Impact{Patients}},
	{"key-copies", "reads both copies of the keyring", "restart the service: it writes the damaged copy anew; then check the disk", []Impact{Support}},
	{"key-source", "looks what protects the store's root key", "`clinicgate keys init --help` lists the sources", []Impact{Security}},
	{"recovery-key", "looks whether a recovery key is set", "`clinicgate keys recovery init`", []Impact{Support}},
	{"key-age", "looks how old the keys are", "`clinicgate keys rotate`", []Impact{Security}},
	{"key-clinic", "looks whether the clinic's shared keys are in the keyring", "`clinicgate keys import`", []Impact{Patients, Sync}},
	{"store-open", "asks the store whether it takes events", "look for disk errors in the system's log", []Impact{Patients}},
	{"store-check", "reads the store's file while no service runs", "`clinicgate store check --full`", []Impact{Patients}},
	{"store-space", "compares the store's size with its budget", "`clinicgate sync status`", []Impact{Patients}},
	{"store-recovered", "looks whether this start had to repair the store", "`clinicgate audit verify` names what is missing; check the disk", []Impact{Support}},
	{"store-aside", "looks for damaged files that were set aside", "copy them off this kiosk, then remove them", []Impact{Support}},
	{"store-backup", "looks how old the newest backup is", "see that backup.dir is there and can be written", []Impact{Support}},
	{"loss-equation", "adds up what became of every accepted event", "keep a copy of the data folder and report it", []Impact{Sync}},
	{"store-losses", "counts events that were refused, dropped or became unreadable", "`clinicgate sync status`", []Impact{Sync}},
	{"audit-sink", "looks whether the audit log leaves the kiosk by a second way", "export PubNub's history, or keep the store's backups", []Impact{Support}},
	{"audit-chain", "verifies the newest part of the audit log", "`clinicgate audit verify`", []Impact{Security}},
	{"net-link", "looks for a network interface that is up and has an address", "plug in the network cable, or join the Wi-Fi", []Impact{Sync}},
	{"net-dns", "looks up the name of PubNub or of the proxy", "check the DNS server of this machine", []Impact{Sync}},
	{"net-captive", "asks over plain HTTP and looks whether somebody else answers", "sign in to the network's portal, or have IT let this kiosk pass", []Impact{Sync}},
	{"net-proxy", "asks the proxy for a way to PubNub", "check pubnub.proxy and its credentials; have IT allow the origin", []Impact{Sync}},
	{"net-port", "connects to PubNub's port", "have IT open the port outward", []Impact{Sync}},
	{"net-tls", "makes an encrypted connection to PubNub and looks who issued its certificate", "have IT exempt the origin from inspection, or set pubnub.ca_file", []Impact{Sync, Security}},
	{"pubnub-answer", "asks PubNub for its time", "`clinicgate sync status`", []Impact{Sync}},
	{"pubnub-keys", "uses the keyset's keys on this kiosk's own channel", "check pubnub.publish_key and pubnub.subscribe_key", []Impact{Sync}},
	{"pubnub-token", "looks at the access token and when it ends", "renew the file that pubnub.token_file names", []Impact{Sync}},
	{"pubnub-grant", "looks whether the token opens every channel of this kiosk", "grant the token anew for this kiosk's channels", []Impact{Sync}},
	{"pubnub-history", "reads back this kiosk's own channel", "turn Message Persistence on for the keyset, for at least 7 days", []Impact{Sync}},
	{"unsigned-senders", "looks whether unsigned messages can be believed", "turn Access Manager on, or set sync.unsigned = \"off\"", []Impact{Security}},
	{"sync-link", "looks whether PubNub answered last", "look at the network's checks", []Impact{Sync}},
	{"sync-backlog", "looks how long the oldest unsent event waits", "`clinicgate sync status`", []Impact{Sync}},
	{"clock-trust", "looks whether a trusted source told the time since the start", "connect the kiosk to PubNub once", []Impact{Sync}},
	{"clock-offset", "compares the machine's clock with the trusted time", "set up time synchronisation; replace the clock's battery", []Impact{Sync}},
	{"clock-jump", "looks whether the machine's clock was set while the service ran", "find out what sets it", []Impact{Support}},
	{"clock-zone", "compares the machine's time zone with the clinic's", "set the machine's time zone to kiosk.zone", []Impact{Support}},
	{"mqtt-broker", "looks whether the external MQTT broker takes messages", "look at the broker's log and [mqtt] in the config", []Impact{Patients}},
	{"mqtt-local", "connects to the embedded MQTT broker and looks how far it can be reached", "restart the service; check mqtt.listen", []Impact{Patients}},
	{"mqtt-cert", "looks when the MQTT certificates end", "get new certificates, and name them in [mqtt]", []Impact{Patients}},
	{"site-exchange", "looks whether the other kiosks of the site are heard", "`clinicgate sync status` names them", []Impact{Sync}},
	{"dev-there", "looks whether every configured device is plugged in", "plug it in; `clinicgate devices list` shows what is there", []Impact{Patients}},
	{"dev-rights", "looks whether the service may open every device", "install the package's udev rules, or add the service's account to the device's group", []Impact{Patients}},
	{"dev-busy", "looks whether another program holds a device", "stop the other program", []Impact{Patients}},
	{"dev-trouble", "asks the devices what ails them: paper, cover, a button that is held", "look at the device", []Impact{Patients}},
	{"dev-flap", "counts how often a device came and went", "change its cable, then its USB port or hub", []Impact{Patients}},
	{"page-up", "asks the check-in page for its answer", "restart the service", []Impact{Patients}},
	{"page-loopback", "looks whether the check-in page can be reached from this machine only", "set web.listen to a loopback address", []Impact{Security}},
	{"page-browser", "looks whether a browser holds the check-in page", "`clinicgate kiosk-session` starts it; is the kiosk user logged in?", []Impact{Patients}},
	{"desk-cert", "looks when the desk's certificate ends", "get a new certificate and restart the service", []Impact{Patients}},
	{"ports-free", "looks who holds the ports that the service needs", "stop the other program, or choose another port in the config", []Impact{Patients}},
	{"roster-age", "looks whether the appointments are today's", "`clinicgate roster import FILE`", []Impact{Patients}},
	{"roster-held", "looks whether lists of the watched folder wait for a person", "`clinicgate roster held`", []Impact{Patients}},
	{"ticket-letter", "looks whether another kiosk begins its numbers with the same letter", "set another kiosk.letter", []Impact{Patients}},
	{"res-memory", "compares the memory in use with what there is", "restart the service; send a bundle if it grows again", []Impact{Patients}},
	{"res-files", "counts open files against the limit", "restart the service; send a bundle if they grow again", []Impact{Patients}},
	{"res-work", "counts what runs at the same time in the service", "restart the service; send a bundle if it grows again", []Impact{Support}},
	{"sys-reboots", "looks whether the machine lost its power while the service ran", "check the power supply; shut the machine down properly", []Impact{Support}},
	{"sys-pending", "looks whether the system waits for a restart", "restart the machine when the clinic is closed", []Impact{Support}},
	{"sys-sleep", "looks whether the machine may go to sleep", "turn sleep and hibernation off", []Impact{Patients}},
	{"sys-kill", "looks whether the system killed the service for lack of memory", "look what uses the memory", []Impact{Patients}},
	{"mqtt-clients", "looks whether the embedded MQTT broker had to refuse somebody", "the service's log names the addresses; is it a device with an old credential?", []Impact{Security}},
	{"log-level", "looks whether the log says more than the config wants", "`clinicgate doctor --fix log-level`", []Impact{Support}},
	{"upd-state", "reads how the last upgrade went", "`clinicgate upgrade status`", []Impact{Support}},
	{"svc-dropins", "looks whether the unit lets the service use the config's devices, folders and ports", "`clinicgate service devices`", []Impact{Patients}},
	{"file-owner", "looks whether the service's account may use its own files", "give the files in storage.dir to the service's account", []Impact{Patients}},
	{"control-roles", "looks whether the accounts and groups that may ask the service are there", "create the group, or correct [control.roles]", []Impact{Security, Support}},
	{"page-commit", "commits a record, reads it back and asks the page, as a check-in does", "send patients to the desk; restart the service", []Impact{Patients}},
	{"dev-battery", "looks whether a device's battery is nearly empty", "change the battery", []Impact{Patients}},
	{"mqtt-silent", "looks whether a device on MQTT has said nothing for a day", "look at the device's battery and radio", []Impact{Patients}},
	{"res-cpu", "measures how much of the processor the service takes, and how long it waits for it", "look what else runs on this machine", []Impact{Patients}},
	{"sys-throttle", "looks whether heat or a weak power supply slows the machine down", "free the vents; use the maker's power supply", []Impact{Patients}},
	{"svc-retired", "looks whether this kiosk was decommissioned", "`clinicgate service status` says when; a new kiosk begins with `clinicgate keys init` and an id of its own", []Impact{Patients}},
}

// Catalogue lists every check that there is, in a lasting order.
func Catalogue() []Topic { return slices.Clone(catalogue) }

// TopicOf finds a check by its id.
func TopicOf(id string) (Topic, bool) {
	i := numberOf(id)
	if i < 0 {
		return Topic{ID: id}, false
	}
	return catalogue[i], true
}

func numberOf(id string) int {
	return slices.IndexFunc(catalogue, func(t Topic) bool { return t.ID == id })
}
