package desk

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"clinicgate/storage"
)

// certificates keeps the desk's certificate: the config's, read anew when its
// file changes, or one that an authority of this kiosk's own issues.
//
// The authority may speak for the desk's hosts only, and for names below them,
// so that a desk's computer that trusts it trusts it for nothing else; other
// hosts in the config mean a new authority. Both keys lie in the sealed store.
type certificates struct {
	cfg     Config
	store   Store
	now     func() time.Time
	log     *slog.Logger
	current atomic.Pointer[held]
}

// held is what is in use.
type held struct {
	pair  *tls.Certificate
	trust *x509.Certificate // what a person compares and a computer may be told to trust
	until time.Time
	file  time.Time // when the config's certificate was written
}

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	leafLife      = 90 * 24 * time.Hour
	renewBefore   = 30 * 24 * time.Hour
	backdated     = 48 * time.Hour // a desk's clock may be behind
)

// A kiosk without a clock chip may believe in 1970 at its first start. Nothing
// is issued for a time before this program was written.
var earliest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// tlsRow is a certificate with its key as they are kept.
type tlsRow struct {
	Cert []byte `json:"cert"` // DER
	Key  []byte `json:"key"`  // PKCS #8
}

func newCertificates(ctx context.Context, cfg Config, store Store, now func() time.Time, log *slog.Logger) (*certificates, error) {
	c := &certificates{cfg: cfg, store: store, now: now, log: log}
	return c, c.obtain(ctx)
}

func (c *certificates) obtain(ctx context.Context) error {
	if c.cfg.Certificate != "" {
		return c.read()
	}
	return c.issue(ctx)
}

// renew does what is due. What is in use stays when that fails.
func (c *certificates) renew(ctx context.Context) {
	h := c.current.Load()
	due := h.until.Sub(c.clock()) < renewBefore
	if c.cfg.Certificate != "" {
		info, err := os.Stat(c.cfg.Certificate)
		due = err == nil && !info.ModTime().Equal(h.file)
	}
	if !due {
		return
	}
	if err := c.obtain(ctx); err != nil {
		c.log.Error("the desk's certificate was not renewed", "reason", err)
	} else {
		c.log.Info("the desk has a new certificate", "until", c.current.Load().until)
	}
}

func (c *certificates) clock() time.Time {
	if now := c.now(); now.After(earliest) {
		return now
	}
	return earliest
}

// config is for TLS 1.3 and HTTP/1.1: one connection, one request, so that the
// bound on connections is one on requests.
func (c *certificates) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load().pair, nil },
	}
}

// read takes the config's certificate.
func (c *certificates) read() error {
	info, err := os.Stat(c.cfg.Certificate)
	if err != nil {
		return fmt.Errorf("cannot read the desk's certificate: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.cfg.Certificate, c.cfg.Key)
	if err != nil {
		return fmt.Errorf("cannot read the desk's certificate: %w", err)
	}
	c.current.Store(&held{pair: &pair, trust: pair.Leaf, until: pair.Leaf.NotAfter, file: info.ModTime()})
	return nil
}

// issue reads the own authority and its certificate, and makes what is missing
// or due.
func (c *certificates) issue(ctx context.Context) error {
	var authority, leaf *tls.Certificate
	err := c.store.View(ctx, func(r *storage.Reader) (err error) {
		if authority, err = c.stored(r, "authority"); err == nil {
			leaf, err = c.stored(r, "leaf")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("cannot read the desk's certificate: %w", err)
	}
	rows := map[string]tlsRow{}
	if authority == nil || !c.fits(authority.Leaf) || authority.Leaf.NotAfter.Sub(c.clock()) < leafLife {
		if authority, err = c.make(rows, "authority", c.authority(), nil); err != nil {
			return err
		}
		leaf = nil
	}
	if leaf == nil || !c.good(leaf.Leaf, authority.Leaf) {
		if leaf, err = c.make(rows, "leaf", c.leaf(), authority); err != nil {
			return err
		}
	}
	if len(rows) > 0 {
		err := c.store.Update(ctx, func(tx *storage.Tx) error {
			for key, row := range rows {
				data, err := json.Marshal(row)
				if err != nil {
					return err
				}
				if err := tx.Put(tlsView, []byte(key), data); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			// A full store must not keep the kiosk from running. It is used until the
			// next start, which makes another.
			c.log.Error("the desk's certificate could not be kept", "reason", err)
		}
	}
	pair := *leaf
	pair.Certificate = [][]byte{leaf.Leaf.Raw, authority.Leaf.Raw}
	c.current.Store(&held{pair: &pair, trust: authority.Leaf, until: leaf.Leaf.NotAfter})
	return nil
}

// stored reads a certificate; nil when there is none, or none that can be used.
func (c *certificates) stored(r *storage.Reader, key string) (*tls.Certificate, error) {
	data, err := r.Get(tlsView, []byte(key))
	if err != nil || data == nil {
		return nil, err
	}
	var row tlsRow
	if err := json.Unmarshal(data, &row); err != nil {
		row = tlsRow{}
	}
	pair, err := row.pair()
	if err != nil {
		c.log.Error("stored certificate of the desk is malformed and made anew", "which", key)
		return nil, nil
	}
	return pair, nil
}

func (t tlsRow) pair() (*tls.Certificate, error) {
	leaf, err := x509.ParseCertificate(t.Cert)
	if err != nil {
		return nil, errors.New("stored certificate is malformed")
	}
	key, err := x509.ParsePKCS8PrivateKey(t.Key)
	if err != nil {
		return nil, errors.New("stored key of a certificate is malformed")
	}
	return &tls.Certificate{Certificate: [][]byte{t.Cert}, PrivateKey: key, Leaf: leaf}, nil
}

// fits reports whether an authority may speak for exactly the desk's hosts.
func (c *certificates) fits(ca *x509.Certificate) bool {
	want := c.authority()
	return strings.Join(want.PermittedDNSDomains, " ") == strings.Join(ca.PermittedDNSDomains, " ") &&
		fmt.Sprint(want.PermittedIPRanges) == fmt.Sprint(ca.PermittedIPRanges)
}

// good reports whether a certificate is the authority's, for all hosts, and
// not due.
func (c *certificates) good(leaf, authority *x509.Certificate) bool {
	if leaf.CheckSignatureFrom(authority) != nil || leaf.NotAfter.Sub(c.clock()) < renewBefore || leaf.NotBefore.After(c.clock()) {
		return false
	}
	for _, h := range c.cfg.Hosts {
		if leaf.VerifyHostname(h) != nil {
			return false
		}
	}
	return true
}

func (c *certificates) authority() *x509.Certificate {
	t := &x509.Certificate{
		Subject:   pkix.Name{CommonName: "clinicgate desk authority", Organization: []string{string(c.cfg.Organization)}},
		NotBefore: earliest, NotAfter: c.clock().Add(authorityLife),
		KeyUsage: x509.KeyUsageCertSign, IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, PermittedDNSDomainsCritical: true,
	}
	for _, h := range c.cfg.Hosts {
		if ip, err := netip.ParseAddr(h); err == nil {
			t.PermittedIPRanges = append(t.PermittedIPRanges, &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(ip.BitLen(), ip.BitLen())})
		} else {
			t.PermittedDNSDomains = append(t.PermittedDNSDomains, h)
		}
	}
	// A constraint that names no address leaves all addresses open, and likewise
	// for names: shut what no host needs.
	if len(t.PermittedIPRanges) == 0 {
		t.ExcludedIPRanges = []*net.IPNet{{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}}
	}
	if len(t.PermittedDNSDomains) == 0 {
		t.PermittedDNSDomains = []string{"invalid"}
	}
	return t
}

func (c *certificates) leaf() *x509.Certificate {
	t := &x509.Certificate{
		Subject:   pkix.Name{CommonName: c.cfg.Hosts[0]},
		NotBefore: c.clock().Add(-backdated), NotAfter: c.clock().Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, BasicConstraintsValid: true,
	}
	for _, h := range c.cfg.Hosts {
		if ip, err := netip.ParseAddr(h); err == nil {
			t.IPAddresses = append(t.IPAddresses, ip.AsSlice())
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	return t
}

// make issues a certificate with a fresh key; by nil signs itself.
func (c *certificates) make(rows map[string]tlsRow, name string, template *x509.Certificate, by *tls.Certificate) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make key of certificate: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, fmt.Errorf("cannot number certificate: %w", err)
	}
	parent, signer := template, any(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	var row tlsRow
	if row.Cert, err = x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer); err != nil {
		return nil, fmt.Errorf("cannot issue certificate: %w", err)
	}
	if row.Key, err = x509.MarshalPKCS8PrivateKey(key); err != nil {
		return nil, fmt.Errorf("cannot encode key of certificate: %w", err)
	}
	rows[name] = row
	return row.pair()
}

// Fingerprint gives the SHA-256 of the certificate that a person compares when
// a browser is paired: the own authority's, or the config's own certificate.
func (s *Server) Fingerprint() string {
	sum := sha256.Sum256(s.certs.current.Load().trust.Raw)
	parts := make([]string, len(sum))
	for i, b := range sum {
		parts[i] = fmt.Sprintf("%02X", b)
	}
	return strings.Join(parts, ":")
}

// Certificate gives that certificate in PEM form, for the trust store of the
// desk's computers, and whether this kiosk issued it.
func (s *Server) Certificate() (text []byte, own bool) {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.certs.current.Load().trust.Raw}), s.cfg.Certificate == ""
}
