package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"clinicgate/gateway/pubnub"
	"clinicgate/kiosk"
	"clinicgate/kiosk/wire"
	"clinicgate/storage"

	"github.com/google/uuid"
	"github.com/gowebpki/jcs"
)

// Service is PubNub's metadata.
type Service interface {
	ChannelMetadata(ctx context.Context, channel string) (pubnub.Metadata, error)
	SetChannelMetadata(ctx context.Context, channel string, md pubnub.Metadata, ifMatch string) (etag string, err error)
	UserMetadata(ctx context.Context, user string) (pubnub.Metadata, error)
	SetUserMetadata(ctx context.Context, user string, md pubnub.Metadata, ifMatch string) (etag string, err error)
}

// Cipher seals and opens with the clinic's cipher keys.
type Cipher interface {
	Encrypt(plain []byte) (string, error)
	Decrypt(text string, accept func(plain []byte) bool) (plain []byte, keyID string, err error)
}

// Log is the part of the store that holds the consents.
type Log interface {
	Read(ctx context.Context, channel, kiosk string, after storage.Cursor, max int) ([]storage.Record, error)
	View(ctx context.Context, fn func(r *storage.Reader) error) error
	Update(ctx context.Context, fn func(tx *storage.Tx) error) error
}

// Config is the mirror's section of the composition.
type Config struct {
	Kiosk       string
	Departments []kiosk.DepartmentID
	ConsentLog  string // channel of the consent records
	Entries     func(d kiosk.DepartmentID) []kiosk.Entry
	Signer      func() (wire.Signer, error)
	Now         func() storage.Instant
	// Foreign is told that somebody wrote a plaintext value where sealed ones
	// belong. It is called before the value is replaced.
	Foreign func(ctx context.Context, channel string)
	Settle  time.Duration // quiet time before a snapshot is written, default 2 s
}

// Mirror keeps the copies. Make it with New; Run it once.
type Mirror struct {
	cfg     Config
	service Service
	cipher  Cipher
	log     Log
	logger  *slog.Logger
	wake    chan struct{}

	mu      sync.Mutex
	changed map[kiosk.DepartmentID]bool // guarded by mu
	consent bool                        // guarded by mu: there may be new consents
}

// New makes a mirror; it starts nothing.
func New(cfg Config, service Service, cipher Cipher, log Log, logger *slog.Logger) *Mirror {
	if cfg.Settle <= 0 {
		cfg.Settle = 2 * time.Second
	}
	if cfg.Foreign == nil {
		cfg.Foreign = func(context.Context, string) {}
	}
	return &Mirror{cfg: cfg, service: service, cipher: cipher, log: log, logger: logger,
		wake: make(chan struct{}, 1), changed: map[kiosk.DepartmentID]bool{}}
}

// QueueChanged asks for fresh snapshots.
func (m *Mirror) QueueChanged() {
	m.mu.Lock()
	for _, d := range m.cfg.Departments {
		m.changed[d] = true
	}
	m.mu.Unlock()
	m.ring()
}

// ConsentRecorded asks to look for new consents.
func (m *Mirror) ConsentRecorded() {
	m.mu.Lock()
	m.consent = true
	m.mu.Unlock()
	m.ring()
}

func (m *Mirror) ring() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Run writes copies until ctx ends.
func (m *Mirror) Run(ctx context.Context) error {
	m.ConsentRecorded()
	m.QueueChanged()
	written := map[kiosk.DepartmentID]string{}
	failures := 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-m.wake:
		}
		if !sleep(ctx, m.cfg.Settle) {
			return nil
		}
		departments, consent := m.take()
		var failed error
		for d := range departments {
			if err := m.snapshot(ctx, d, written); err != nil {
				failed = err
				m.again(d)
			}
		}
		if consent {
			if err := m.consents(ctx); err != nil {
				failed = err
				m.again("")
			}
		}
		if failed == nil {
			failures = 0
			continue
		}
		failures++
		if failures == 1 || failures%50 == 0 {
			m.logger.Warn("metadata copies wait", "reason", failed, "tries", failures)
		}
		if !sleep(ctx, min(time.Minute, time.Second<<min(failures, 6))/2+rand.N(2*time.Second)) {
			return nil
		}
		m.ring()
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func (m *Mirror) take() (departments map[kiosk.DepartmentID]bool, consent bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	departments, consent = m.changed, m.consent
	m.changed, m.consent = map[kiosk.DepartmentID]bool{}, false
	return departments, consent
}

// again marks a department, or the consents where it is empty.
func (m *Mirror) again(d kiosk.DepartmentID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d == "" {
		m.consent = true
	} else {
		m.changed[d] = true
	}
}

// seal signs and encrypts a value that is read together with a channel's
// events.
func (m *Mirror) seal(channel string, body any, at storage.Record) (string, error) {
	signer, err := m.cfg.Signer()
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	if text, err = jcs.Transform(text); err != nil {
		return "", err
	}
	at.Channel, at.Body = channel, text
	if text, err = signer.Message(at); err != nil {
		return "", err
	}
	return m.cipher.Encrypt(text)
}

// sealed tells whether a value is one that a key holder sealed.
func (m *Mirror) sealed(value string) bool {
	_, _, err := m.cipher.Decrypt(value, func(plain []byte) bool {
		env, err := wire.Parse(plain)
		return err == nil && env.Signed
	})
	return err == nil
}

type snapshot struct {
	Type         string             `json:"type"`
	DepartmentID kiosk.DepartmentID `json:"departmentId"`
	Entries      []kiosk.EntryShape `json:"entries"`
	Truncated    bool               `json:"truncated,omitempty"`
	Timestamp    kiosk.Timestamp    `json:"timestamp"`
}

// snapshot writes a department's queue. Too long a list is cut to the open
// entries, in queue order, as many as fit.
func (m *Mirror) snapshot(ctx context.Context, d kiosk.DepartmentID, written map[kiosk.DepartmentID]string) error {
	channel := kiosk.QueueChannel(d)
	now := m.cfg.Now()
	body := snapshot{Type: "QUEUE_SNAPSHOT", DepartmentID: d, Entries: []kiosk.EntryShape{}, Timestamp: kiosk.At(now.Wall)}
	var open []kiosk.EntryShape
	for _, e := range m.cfg.Entries(d) {
		body.Entries = append(body.Entries, e.Shape())
		if e.Status.Open() {
			open = append(open, e.Shape())
		}
	}
	fingerprint, err := json.Marshal(body.Entries)
	if err != nil {
		return err
	}
	if written[d] == string(fingerprint) {
		return nil
	}
	at := storage.Record{Event: storage.Event{ID: uuid.Must(uuid.NewV7())}, Inc: 1, Seq: 1,
		HLC: storage.NewHLC(now.Wall), Boot: now.Boot, Mono: now.Mono, Synced: now.Synced}
	value, err := m.seal(channel, body, at)
	for n := len(open); errors.Is(err, wire.ErrTooLarge) && n > 0; n = n * 3 / 4 {
		body.Entries, body.Truncated = open[:n], true
		value, err = m.seal(channel, body, at)
	}
	if err != nil {
		return fmt.Errorf("cannot seal snapshot: %w", err)
	}
	err = m.write(ctx, func() (pubnub.Metadata, error) { return m.service.ChannelMetadata(ctx, channel) },
		func(old pubnub.Metadata) (pubnub.Metadata, bool) {
			if v := old.Custom["queueState"]; v != "" && !m.sealed(v) {
				m.cfg.Foreign(ctx, channel)
			}
			custom := maps.Clone(old.Custom)
			if custom == nil {
				custom = map[string]string{}
			}
			custom["queueState"] = value
			custom["lastUpdated"] = now.Wall.UTC().Format(time.RFC3339)
			return pubnub.Metadata{Name: "Queue - " + string(d), Custom: custom}, true
		},
		func(md pubnub.Metadata, etag string) error {
			_, err := m.service.SetChannelMetadata(ctx, channel, md, etag)
			return err
		})
	if err == nil {
		written[d] = string(fingerprint)
	}
	return err
}

const writeTries = 5

// write reads, changes and writes metadata until nobody else wrote in between.
func (m *Mirror) write(ctx context.Context, read func() (pubnub.Metadata, error), change func(pubnub.Metadata) (pubnub.Metadata, bool), set func(pubnub.Metadata, string) error) error {
	var err error
	for range writeTries {
		var old pubnub.Metadata
		if old, err = read(); err != nil && !errors.Is(err, pubnub.ErrNotFound) {
			return err
		}
		next, needed := change(old)
		if !needed {
			return nil
		}
		if err = set(next, old.ETag); err == nil || !errors.Is(err, pubnub.ErrConflict) {
			return err
		}
		if !sleep(ctx, rand.N(300*time.Millisecond)) {
			return ctx.Err()
		}
	}
	return err
}
