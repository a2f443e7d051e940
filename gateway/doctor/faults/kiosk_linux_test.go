package faults_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"clinicgate/devices/simulator"
	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/gateway/pubnub/emulator"
	"clinicgate/kiosk/web/webtest"
	"clinicgate/kiosk/wire"
	"clinicgate/storage/keyring"
)

const passphrase = "a passphrase of the tests"

// kiosk is one kiosk in good order, and the world that it is in. A fault changes a
// member before the start, or does something after it.
type kiosk struct {
	t    *testing.T
	dir  string
	file string // config
	host string // PubNub's name
	port string

	ca       authority
	shared   net.Listener // where PubNub's double stands
	address  string
	options  emulator.Options
	double   *emulator.Emulator
	cert     tls.Certificate // of PubNub
	settings map[string]string
	extra    string // more of the config file
	keyKinds []string
	keysMade func() time.Time
	recovery bool
	token    emulator.Grant
	roster   time.Time // day of the appointments; zero: none
	backup   bool
	browsed  bool
	paper    *simulator.ReceiptPrinter
	scanner  *simulator.SerialPort

	at      gateway.Addresses
	log     lockedBuffer
	control *control.Client
	stop    func()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var count atomic.Int32

func newKiosk(t *testing.T) *kiosk {
	t.Helper()
	k := &kiosk{t: t, dir: folder(t, "/var/tmp"), recovery: true, roster: time.Now(), backup: true, browsed: true,
		keyKinds: []string{"pubnub-cipher", "patient-reference", "ticket", "appointment-code"}, keysMade: time.Now,
		options: emulator.Options{AccessManager: true},
		token:   emulator.Grant{TTL: 24 * 60, UUID: "lobby-1", ChannelPatterns: emulator.Masks{".*": 0xff}, UUIDPatterns: emulator.Masks{".*": 0xff}}}
	k.host = fmt.Sprintf("ps%d.clinic.example", count.Add(1))
	server.says(k.host, answer{ip: [4]byte{127, 0, 0, 1}})
	var err error
	if k.shared, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.shared.Close() })
	k.address = k.shared.Addr().String()
	_, k.port, _ = net.SplitHostPort(k.address)
	k.ca = newAuthority(t, "Clinic CA")
	k.cert = k.ca.issue(t, k.host, 240*time.Hour)
	k.file = filepath.Join(k.dir, "config.toml")
	k.settings = map[string]string{
		"kiosk.id": "lobby-1", "kiosk.letter": "A", "kiosk.site": "main", "kiosk.organization": "org", "kiosk.zone": "Etc/UTC", "kiosk.day_starts": farFrom(time.Now().UTC()),
		"storage.dir": filepath.Join(k.dir, "data"), "storage.budget": "64MiB", "key_source.kind": "passphrase", "key_source.file": "",
		"pubnub.origin": k.host + ":" + k.port, "pubnub.publish_key": "demo", "pubnub.subscribe_key": "demo", "pubnub.ca_file": filepath.Join(k.dir, "ca.pem"), "pubnub.token_file": filepath.Join(k.dir, "token"),
		"web.listen": "127.0.0.1:0", "mqtt.listen": "127.0.0.1:0", "control.path": filepath.Join(k.dir, "c.sock"), "backup.dir": folder(t, "/dev/shm"),
	}
	put(t, k.settings["pubnub.ca_file"], pemOf(k.ca), 0o644)
	if k.scanner, err = simulator.NewSerialPort(k.dir, "front"); err != nil {
		t.Fatal(err)
	}
	if k.paper, err = simulator.NewReceiptPrinter("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = k.scanner.Run(ctx) })
	wg.Go(func() { _ = k.paper.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	k.extra = fmt.Sprintf("\n[[department]]\nid = \"cardiology\"\nname = { en = \"Cardiology\" }\n[[device]]\nid = \"front\"\nclass = \"scanner\"\nport = %q\n[[device]]\nid = \"slips\"\nclass = \"printer\"\nport = %q\n",
		k.scanner.Path(), k.paper.Address())
	return k
}

// farFrom gives an hour for the clinic day to begin at that is hours away from now:
// a kiosk whose day ended has the roster of another day.
func farFrom(now time.Time) string {
	if h := now.Hour(); h >= 6 && h < 18 {
		return "00:00"
	}
	return "12:00"
}

// folder makes one below base, which must not lie in memory where the disk is looked
// at, nor on the store's own where backups go.
func folder(t *testing.T, base string) string {
	t.Helper()
	dir, err := os.MkdirTemp(base, "cg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// set changes a setting.
func (k *kiosk) set(key, value string) { k.settings[key] = value }

// writeConfig writes the config file and gives what it says.
func (k *kiosk) writeConfig() {
	k.t.Helper()
	sections := map[string][]string{}
	for path, value := range k.settings {
		section, key, _ := strings.Cut(path, ".")
		if value != "true" && value != "false" && key != "fd" {
			value = fmt.Sprintf("%q", value)
		}
		sections[section] = append(sections[section], key+" = "+value)
	}
	var text strings.Builder
	for name, lines := range sections {
		fmt.Fprintf(&text, "[%s]\n%s\n", name, strings.Join(lines, "\n"))
	}
	put(k.t, k.file, text.String()+k.extra, 0o640)
}

// prepare makes keyring, token and PubNub's double.
func (k *kiosk) prepare() {
	k.t.Helper()
	k.double = emulator.New(k.options)
	k.t.Cleanup(k.double.Close)
	web(k.t, k.shared, &k.cert, k.double)
	if file := k.settings["pubnub.token_file"]; file != "" && k.token.TTL > 0 {
		text, err := k.double.MintToken(k.token)
		if err != nil {
			k.t.Fatal(err)
		}
		put(k.t, file, text, 0o600)
	}
	data := k.settings["storage.dir"]
	if err := os.MkdirAll(data, 0o700); err != nil {
		k.t.Fatal(err)
	}
	var src keyring.Source = keyring.Passphrase{Read: func(context.Context) ([]byte, error) { return []byte(passphrase), nil }, Cost: keyring.Argon2{Time: 2, MemoryKiB: 19456, Threads: 1}}
	if k.settings["key_source.kind"] == "key-file" {
		if err := keyring.CreateKeyFile(k.settings["key_source.file"]); err != nil {
			k.t.Fatal(err)
		}
		src = keyring.KeyFile(k.settings["key_source.file"])
	}
	o := keyring.Options{Classes: gateway.Classes(), Now: k.keysMade}
	if k.recovery {
		private, err := keyring.NewRecoveryKey()
		if err != nil {
			k.t.Fatal(err)
		}
		public, err := private.Public()
		if err != nil {
			k.t.Fatal(err)
		}
		o.Recovery = &public
	}
	ring, err := keyring.Create(k.t.Context(), keyring.Dir(data), src, o)
	if err != nil {
		k.t.Fatal(err)
	}
	defer ring.Close()
	pub := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32)).Public().(ed25519.PublicKey)
	ref := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{3}, 32))
	var secrets []map[string]string
	for _, s := range []map[string]string{{"kind": "pubnub-cipher", "id": "q1", "value": "clinic cipher key"}, {"kind": "patient-reference", "id": "1", "value": ref}, {"kind": "ticket", "id": "1", "value": ref},
		{"kind": "appointment-code", "id": wire.KeyID(pub), "value": base64.StdEncoding.EncodeToString(pub)}} {
		if slices.Contains(k.keyKinds, s["kind"]) {
			secrets = append(secrets, s)
		}
	}
	form, _ := json.Marshal(secrets)
	parsed, err := keyring.ParseSecrets(bytes.NewReader(form))
	if err == nil {
		err = ring.Import(parsed...)
	}
	if err != nil {
		k.t.Fatal(err)
	}
}

// start runs the gateway and brings it to where a kiosk is in the morning.
func (k *kiosk) start() {
	k.t.Helper()
	delete(k.settings, "key_source.fd")
	var pipe [2]int
	if k.settings["key_source.kind"] == "passphrase" && k.settings["key_source.file"] == "" {
		if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC); err != nil {
			k.t.Fatal(err)
		}
		_, _ = syscall.Write(pipe[1], []byte(passphrase))
		_ = syscall.Close(pipe[1])
		k.settings["key_source.fd"] = fmt.Sprint(pipe[0])
	}
	k.writeConfig()
	cfg, err := config.Load(k.file)
	if err != nil {
		k.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan gateway.Addresses, 1), make(chan error, 1)
	go func() {
		done <- gateway.Run(ctx, cfg, gateway.Options{Logger: slog.New(slog.NewTextHandler(&k.log, nil)), Version: "v0.1.0", ConfigFile: k.file,
			Ready: func(at gateway.Addresses) { ready <- at }})
	}()
	select {
	case k.at = <-ready:
	case err := <-done:
		k.t.Fatalf("gateway: %v\n%s", err, k.log.String())
	case <-time.After(60 * time.Second):
		k.t.Fatal("gateway was not ready in 60 s")
	}
	if k.control, err = control.Dial(k.t.Context(), cfg.Control.Path); err != nil {
		k.t.Fatal(err)
	}
	k.stop = sync.OnceFunc(func() {
		k.control.Close()
		cancel()
		if err := <-done; err != nil {
			k.t.Errorf("stop: %v", err)
		}
	})
	k.t.Cleanup(func() { k.stop() })
}

// open does what people do in the morning.
func (k *kiosk) open() {
	k.t.Helper()
	if !k.roster.IsZero() {
		row := "appointment_id,patient_id,family_name,given_name,birth_date,department,start\napt-1,MRN-1,Fictional,Ada,1950-02-03,cardiology," + k.roster.UTC().Format("2006-01-02T15:04:05Z07:00") + "\n"
		if in, err := k.control.RosterImport(k.t.Context(), control.RosterImport{List: []byte(row)}); err != nil || len(in.Rejected) > 0 {
			k.t.Fatalf("roster: %+v, %v", in, err)
		}
	}
	if k.browsed {
		l, err := k.control.Launch(k.t.Context(), control.Launch{})
		if err != nil {
			k.t.Fatal(err)
		}
		b, err := webtest.Open(k.t.Context(), l.URL)
		if err != nil {
			k.t.Fatal(err)
		}
		go b.Follow(k.t.Context())
	}
	if k.backup {
		if _, err := k.control.StoreBackup(k.t.Context(), control.StoreBackup{To: folder(k.t, "/dev/shm")}, nil); err != nil {
			k.t.Fatal(err)
		}
	}
}

// drained waits until everything is delivered.
func (k *kiosk) drained() {
	k.t.Helper()
	for range 1200 {
		if s, err := k.control.Sync(k.t.Context()); err == nil && s.Queued == 0 && s.Online {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	k.t.Fatalf("not drained\n%s", k.log.String())
}

// look runs every check, as `clinicgate doctor` does.
func (k *kiosk) look() ([]doctor.Report, error) {
	ctx, cancel := context.WithTimeout(k.t.Context(), 70*time.Second)
	defer cancel()
	found, err := k.control.DoctorLook(ctx, control.DoctorLook{}, nil)
	return found.Checks, err
}

// outside looks without the service.
func (k *kiosk) outside(answer doctor.Answer) ([]doctor.Report, error) {
	o, err := gateway.NewOutside(k.file, answer)
	if err != nil {
		return nil, err
	}
	defer o.Close()
	return o.Look(k.t.Context(), doctor.Selection{}), nil
}

// slow reports whether a check says no more than that the machine is slow: one that
// does other work besides is, and says so.
func slow(r doctor.Report) bool {
	return r.State == doctor.Warn && slices.Contains([]string{"res-cpu", "res-work", "disk-write", "page-up", "page-commit"}, r.ID)
}

// settle looks until the causes are those wanted: a link takes a moment to be up, and
// a device to be missed. What a slow machine adds is left out.
func (k *kiosk) settle(wanted []string, look func() ([]doctor.Report, error)) (reports []doctor.Report) {
	k.t.Helper()
	var got []string
	for until := time.Now().Add(60 * time.Second); time.Now().Before(until); time.Sleep(200 * time.Millisecond) {
		var err error
		if reports, err = look(); err != nil {
			k.t.Fatal(err)
		}
		got = nil
		reports = slices.DeleteFunc(reports, func(r doctor.Report) bool { return slow(r) && !slices.Contains(wanted, r.ID) })
		for _, r := range doctor.Roots(reports) {
			got = append(got, r.ID)
		}
		if slices.Equal(got, wanted) {
			return reports
		}
	}
	for _, r := range reports {
		if r.State.Bad() || r.Because != "" {
			k.t.Logf("%s %s: %s (because %q)", r.State, r.ID, r.Detail, r.Because)
		}
	}
	k.t.Fatalf("the causes are %v, want %v", got, wanted)
	return nil
}
