package gateway

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"clinicgate/devices"
	"clinicgate/devices/mqtt"
	"clinicgate/gateway/bridge"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/kiosk"
	"clinicgate/storage"

	"github.com/google/uuid"
)

// credentialView is the store's view of what is kept of MQTT clients' credentials;
// its keys are client ids.
const credentialView = "mqtt-credential"

// openStation makes what reads MQTT devices' messages.
func (g *Gateway) openStation() {
	g.watched = newObservatory()
	g.station = mqtt.NewStation(g.cfg.Kiosk.Site, string(g.self), g.cfg.MQTT.Rules(), mqtt.Deps{
		Health: g.mqttHealth, Vitals: g.mappedVitals, VitalsEvent: g.vitalsEvent, Publish: g.toDevices, Log: g.log.With("component", "bridge")})
}

// openMQTT binds the embedded broker and makes the client of the external one.
func (g *Gateway) openMQTT() (err error) {
	c, log := g.cfg.MQTT, g.log.With("component", "bridge")
	g.broker, err = bridge.New(bridge.Config{Listen: c.Listen, Site: g.cfg.Kiosk.Site, Kiosk: string(g.self),
		LAN: c.LAN, Certificate: c.LANCertificate, Key: c.LANKey, ClientCA: c.LANClientCA, Clients: parties(c.Clients), Credential: g.credential},
		g.deviceMessage, log)
	if err != nil {
		return err
	}
	g.broker.Connected(g.rang)
	if c.Broker != "" {
		g.remote, err = bridge.NewClient(g.remoteConfig(), log)
		if err != nil {
			return hinted{err, "look at [mqtt] with `clinicgate config check`"}
		}
		for _, filter := range g.station.Filters() {
			g.remote.Listen(filter, g.deviceMessage)
		}
		g.remote.Connected(g.rang)
	}
	if err := g.broker.Open(); err != nil {
		return hinted{err, "something else uses the port: stop it, or set mqtt.listen"}
	}
	return nil
}

func parties(clients []config.MQTTClient) (list []bridge.Party) {
	for _, c := range clients {
		list = append(list, bridge.Party{ID: c.ID, Kind: bridge.Kind(c.Kind), Class: c.Class, Topics: c.Topics})
	}
	return list
}

func (g *Gateway) remoteConfig() bridge.ClientConfig {
	c := g.cfg.MQTT
	return bridge.ClientConfig{Broker: c.Broker, ID: g.cfg.MQTTClientID(), CAFile: c.BrokerCAFile,
		CertificateFile: c.BrokerCertificate, KeyFile: c.BrokerKey, Credentials: g.brokerCredentials()}
}

// brokerStatus is the external broker for doctor.
func (g *Gateway) brokerStatus() doctor.Broker {
	if g.remote == nil {
		return doctor.Broker{}
	}
	s := g.remote.Status()
	return doctor.Broker{Configured: true, Connected: s.State == bridge.ClientConnected, Since: s.Since, Reason: s.Reason, Hint: s.Hint}
}

// listenerStatus is the embedded broker for doctor.
func (g *Gateway) listenerStatus() doctor.Listener {
	s := g.broker.Status()
	return doctor.Listener{On: g.cfg.MQTT.Listen != "" || g.cfg.MQTT.LAN != "", Connected: s.Connected, Durable: s.Accepted,
		Logins: s.Logins, Forbidden: s.Refused, TooMany: s.TooOften + s.TurnedOff, HalfOpen: s.HalfOpen, Last: s.Abused}
}

func (g *Gateway) runRemote(ctx context.Context) error {
	if g.remote == nil {
		<-ctx.Done()
		return nil
	}
	return g.remote.Run(ctx)
}

// brokerCredentials reads the file at each connection, so that a changed password
// needs no restart.
func (g *Gateway) brokerCredentials() func() (user, password string) {
	file := g.cfg.MQTT.BrokerCredentials
	if file == "" {
		return nil
	}
	return func() (user, password string) {
		text, err := os.ReadFile(file)
		if err != nil {
			g.log.Error("the MQTT broker's credentials cannot be read", "error", err)
			return "", ""
		}
		user, password, _ = strings.Cut(strings.TrimSpace(string(text)), ":")
		return user, password
	}
}

// credential gives what is kept of a client's credential.
func (g *Gateway) credential(ctx context.Context, id string) (sum []byte, ok bool) {
	err := g.store.View(ctx, func(r *storage.Reader) (err error) {
		sum, err = r.Get(credentialView, []byte(id))
		return err
	})
	return sum, err == nil && sum != nil
}

// toDevices sends to where devices are: by the broker by which the device was heard, or
// by all at once where that is not known; then all of them must have it. What is
// retained goes by the others too, for a device that comes by another one next; whether
// they have it does not count.
func (g *Gateway) toDevices(ctx context.Context, by mqtt.Way, topic string, payload []byte, retain bool) error {
	ways := map[mqtt.Way]func(context.Context, string, []byte) error{}
	use := func(way mqtt.Way, plain, kept func(context.Context, string, []byte) error) {
		if retain {
			plain = kept
		}
		ways[way] = plain
	}
	if g.cfg.MQTT.Listen != "" || g.cfg.MQTT.LAN != "" {
		use(mqtt.Embedded, g.broker.Publish, g.broker.PublishRetained)
	}
	if g.remote != nil {
		use(mqtt.External, g.remote.Publish, g.remote.PublishRetained)
	}
	if publish, ok := ways[by]; ok && !retain {
		return publish(ctx, topic, payload)
	}
	type outcome struct {
		way mqtt.Way
		err error
	}
	came := make(chan outcome, len(ways))
	for way, publish := range ways {
		go func() { came <- outcome{way, publish(ctx, topic, payload)} }() // ends when ctx does
	}
	var errs []error
	for range ways {
		o := <-came
		if o.way == by {
			return o.err
		}
		errs = append(errs, o.err)
	}
	left := func(err error) bool { return !errors.Is(err, mqtt.ErrNotConnected) }
	switch err := errors.Join(errs...); {
	case len(errs) == 0:
		return mqtt.ErrNotConnected
	case err == nil || !slices.ContainsFunc(errs, left):
		return err
	default:
		return errors.New("not every broker has it: " + err.Error()) // so it is not mqtt.ErrNotConnected
	}
}

// mqttHealth records what a device says about itself. It returns when that is
// durable; then the device gets its acknowledgement.
func (g *Gateway) mqttHealth(ctx context.Context, h mqtt.Health) error {
	if h.Class == string(devices.Vitals) {
		g.stationSaid(h.Device, h.State)
	}
	id := uuid.Nil
	if h.ID != uuid.Nil {
		// The device's own id, made this kiosk's: a replay is a repeat, and no device
		// can take another event's place.
		id = kiosk.DeriveID(h.ID, "mqtt", h.Class, h.Device)
	}
	return g.recordHealth(ctx, id, kiosk.DeviceHealth{Device: h.Device, Class: h.Class, State: h.State, Reason: h.Reason, Battery: h.Battery}, "")
}

// mqttBackend is MQTT for the commands.
type mqttBackend struct{ *Gateway }

// Credential makes a client's credential, in place of the one that it had.
func (g mqttBackend) Credential(ctx context.Context, by control.Caller, in control.MQTTClient) (control.MQTTCredential, error) {
	if !slices.ContainsFunc(g.cfg.MQTT.Clients, func(c config.MQTTClient) bool { return c.ID == in.ID }) {
		return control.MQTTCredential{}, &control.Error{Code: control.NotFound, Message: "no MQTT client of that id is configured", Next: "add a [[mqtt.client]] table to the config and restart the service"}
	}
	secret := bridge.NewCredential()
	err := g.store.Update(ctx, func(tx *storage.Tx) error {
		if err := tx.Put(credentialView, []byte(in.ID), bridge.CredentialSum(in.ID, secret)); err != nil {
			return err
		}
		return g.journal.Audit(tx, kiosk.NewAct(by.Actor), kiosk.CredentialMade, kiosk.AuditFacts{Action: "make MQTT credential", Resource: in.ID})
	})
	if err != nil {
		return control.MQTTCredential{}, err
	}
	return control.MQTTCredential{ID: in.ID, Credential: secret}, nil
}

// Watch waits for what devices say next.
func (g mqttBackend) Watch(ctx context.Context, _ control.Caller, in control.DeviceWatch) (control.DeviceWatched, error) {
	if in.Topic != "" {
		g.watched.expect(watchFor)
		if err := g.alsoListen(in.Topic); err != nil {
			return control.DeviceWatched{}, err
		}
	}
	return g.watched.next(ctx, in, watchFor)
}

const watchFor = 20 * time.Second
