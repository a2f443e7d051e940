package gateway

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/gateway/pubnub"
	manager "clinicgate/gateway/service"
	"clinicgate/gateway/token"
	"clinicgate/storage/keyring"
)

// Outside is what can be looked at without the service: while it is down, hangs, or
// is not for this account to ask. Close it.
type Outside struct {
	*doctor.Registry
	ring   *keyring.Ring
	client *pubnub.Client
}

// Close forgets the keys.
func (o *Outside) Close() {
	if o.ring != nil {
		o.ring.Close()
	}
	if o.client != nil {
		o.client.Close()
	}
}

// configCheck is what can be said of a config file that was loaded with err: one
// that is only kept from whoever asks is no fault of the kiosk's, and hides none.
func configCheck(file string, err error) doctor.Check {
	if errors.Is(err, fs.ErrPermission) {
		return doctor.ConfigHidden(file)
	}
	return doctor.ConfigParse(file)
}

// NewOutside makes the checks of the kiosk that a config file describes. It changes
// nothing on the machine but for a probe that it removes. answer says how the service
// was found.
func NewOutside(configFile string, answer doctor.Answer) (*Outside, error) {
	o := &Outside{}
	c, err := config.Load(configFile)
	installed := []doctor.Check{
		doctor.Installed(manager.Query, false),
		doctor.Recovery(manager.Query),
		doctor.Account(manager.Query),
	}
	parse := configCheck(configFile, err)
	if err != nil {
		// Without the config there is nothing else to look at that is the kiosk's.
		o.Registry, err = doctor.New(append(installed, parse, dependent(doctor.Running(answer, manager.Query), "svc-installed", "cfg-parse"))...)
		return o, err
	}
	if gone := Retired(c.Storage.Dir); gone != nil && answer == doctor.NoService {
		o.Registry, err = doctor.New(doctor.Retired(gone, gone.Hint()))
		return o, err
	}
	held := answer == doctor.Hangs || answer == doctor.NotForUs // by the service, which lives
	checks := append(installed, parse,
		doctor.Dropins(answer, manager.Query, func() []string { return manager.Lacking(c) }),
		doctor.FilePerms(func() []doctor.Guarded { return doctor.GuardedFiles(c, configFile) }),
		doctor.FileOwner(func() []doctor.Guarded { return doctor.GuardedFiles(c, configFile) }, manager.Query),
		doctor.DiskMount(c.Storage.Dir),
		doctor.DiskInodes(c.Storage.Dir),
		doctor.DiskWrite(c.Storage.Dir),
		doctor.DiskFree(c.Storage.Dir, c.Storage.Budget.Bytes, func() int64 { return sizeOf(filepath.Join(c.Storage.Dir, "store.db")) }),
		doctor.DiskHealth(c.Storage.Dir),
		dependent(doctor.Aside(filepath.Join(c.Storage.Dir, "quarantine"))),
		doctor.KeyOpen(c, func(r *keyring.Ring) { o.ring = r }),
		doctor.StoreCheck(filepath.Join(c.Storage.Dir, "store.db"), func() *keyring.Ring { return o.ring }),
	)
	after := []string{"svc-installed", "svc-dropins", "cfg-parse", "file-owner", "disk-mount", "disk-write", "key-open", "store-check"}
	if !held {
		checks = append(checks,
			doctor.Duplicate(otherServices, manager.Query, absolute(configFile)),
			doctor.PortsFree(listeners(c), manager.Query))
		after = append(after, "svc-duplicate", "ports-free")
	}
	checks = append(checks, dependent(doctor.Running(answer, manager.Query), after...))
	if held {
		checks = append(checks, dependent(doctor.PageUp(func() string { return c.Web.Listen }), "svc-running"))
	}
	more, err := o.network(c)
	if err != nil {
		return nil, err
	}
	checks = append(checks, more...)
	checks = append(checks, doctor.DeskCertificate(c.Desk.Certificate, time.Now),
		doctor.MQTTCertificates([]doctor.Certificate{{Key: "mqtt.lan_certificate", File: c.MQTT.LANCertificate}, {Key: "mqtt.broker_certificate", File: c.MQTT.BrokerCertificate}}, time.Now),
		doctor.ClockZone(c.Kiosk.Location(), time.Local, time.Now),
		doctor.Upgrade(c.Upgrade.Dir),
		doctor.Pending(doctor.PendingRestart),
		doctor.Sleep(doctor.MaySleep))
	o.Registry, err = doctor.New(checks...)
	return o, err
}

func otherServices() []doctor.Service {
	return doctor.Others(manager.Name, config.DefaultPath)
}

// absolute is the path as another process has to write it.
func absolute(path string) string {
	if at, err := filepath.Abs(path); err == nil {
		return at
	}
	return path
}

// dependent gives a check that depends on these and no others.
func dependent(c doctor.Check, on ...string) doctor.Check {
	c.DependsOn = on
	return c
}

// network makes the checks of the way to PubNub, with a client of their own: the time
// is asked for without a token.
func (o *Outside) network(c config.Config) ([]doctor.Check, error) {
	g := &Gateway{cfg: c, log: slog.New(slog.DiscardHandler)}
	p := g.proxy()
	client, err := pubnub.New(pubnub.Config{Origin: c.PubNub.Origin, Insecure: !c.PubNub.Secure, PublishKey: c.PubNub.PublishKey, SubscribeKey: c.PubNub.SubscribeKey,
		UserID: c.User(), Proxy: p, CAFile: c.PubNub.CAFile})
	if err != nil {
		// A CA file that is not there: cfg-parse says so.
		return nil, nil
	}
	o.client = client
	way := doctor.Way{Origin: c.PubNub.Origin, Secure: c.PubNub.Secure, Proxy: p.URL, NoProxy: c.PubNub.NoProxy, Credentials: p.Credentials, CAFile: c.PubNub.CAFile, Now: time.Now}
	return []doctor.Check{
		doctor.NetLink(way, net.Interfaces), doctor.NetDNS(way), doctor.NetCaptive(way), doctor.NetProxy(way), doctor.NetPort(way), doctor.NetTLS(way),
		doctor.PubNubAnswer(client), doctor.MachineTime(client),
		doctor.Token(func() doctor.Access { return lookAtToken(c) }, time.Now),
	}, nil
}

// lookAtToken reads the token's file as the service would.
func lookAtToken(c config.Config) doctor.Access {
	f := token.New(c.PubNub.TokenFile, c.User(), time.Now, slog.New(slog.DiscardHandler))
	f.Look()
	t := f.Status()
	return doctor.Access{Needed: t.Needed, Held: t.Held, Expires: t.Expires, Expired: t.Expired, Problem: t.Problem}
}

// TokenOf looks at the file of the access token that a config names, while no service
// does.
func TokenOf(c config.Config) control.Token {
	a := lookAtToken(c)
	t := control.Token{Needed: a.Needed, Held: a.Held, Expires: a.Expires}
	if a.Problem != nil {
		t.Problem = a.Problem.Error()
	}
	return t
}

func sizeOf(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// listeners are the addresses that the service needs.
func listeners(c config.Config) []doctor.Port {
	return []doctor.Port{{Key: "web.listen", Address: c.Web.Listen}, {Key: "board.listen", Address: c.Board.Listen}, {Key: "desk.listen", Address: c.Desk.Listen},
		{Key: "mqtt.listen", Address: c.MQTT.Listen}, {Key: "mqtt.lan_listen", Address: c.MQTT.LAN}, {Key: "metrics.listen", Address: c.Metrics.Listen}}
}
