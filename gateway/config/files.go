package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"runtime"
	"time"
)

// CheckFiles looks at the files that a valid config names: whether they are
// there, whether others may read what is secret, and whether certificates are
// certificates. What this account may not see is taken to be right. The error
// is a [Problems].
func (c Config) CheckFiles() error {
	var r report
	secret := []struct{ path, file string }{
		{"pubnub.token_file", c.PubNub.TokenFile},
		{"pubnub.proxy_credentials_file", c.PubNub.ProxyCredentialsFile},
		{"key_source.file", c.KeySource.secretFile()},
		{"desk.key", c.Desk.Key},
	}
	for _, s := range secret {
		info, ok := r.stat(s.path, s.file)
		if !ok {
			continue
		}
		if !info.Mode().IsRegular() {
			r.bad(s.path, s.file, "a file", "")
		} else if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
			r.bad(s.path, s.file, "a file that only its owner may read", "chmod 600 "+s.file)
		}
	}
	if c.KeySource.Kind == KeySourceCredential { // sealed: whoever may read it cannot use it
		r.stat("key_source.file", c.KeySource.File)
	}
	if info, ok := r.stat("consent.forms", c.Consent.Forms); ok && !info.IsDir() {
		r.bad("consent.forms", c.Consent.Forms, "a folder", "")
	}
	if info, ok := r.stat("web.texts", c.Web.Texts); ok && !info.IsDir() {
		r.bad("web.texts", c.Web.Texts, "a folder", "")
	}
	if info, ok := r.stat("web.speech", c.Web.Speech); ok && !info.IsDir() {
		r.bad("web.speech", c.Web.Speech, "a folder", "it holds a file {language}.speech for each language")
	}
	if info, ok := r.stat("roster.folder", c.Roster.Folder); ok && !info.IsDir() {
		r.bad("roster.folder", c.Roster.Folder, "a folder", "")
	}
	if _, ok := r.stat("pubnub.ca_file", c.PubNub.CAFile); ok {
		if pem, err := os.ReadFile(c.PubNub.CAFile); err == nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
			r.bad("pubnub.ca_file", c.PubNub.CAFile, "certificates in PEM form", "")
		}
	}
	c.checkCertificate(&r)
	if len(r.problems) > 0 {
		return r.problems
	}
	return nil
}

// checkCertificate looks at the desk's certificate: whether it fits its key and
// the desk's hosts, and whether browsers take it today.
func (c Config) checkCertificate(r *report) {
	if _, ok := r.stat("desk.certificate", c.Desk.Certificate); !ok || c.Desk.Key == "" {
		return
	}
	pair, err := tls.LoadX509KeyPair(c.Desk.Certificate, c.Desk.Key)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrNotExist):
		return // not for this account to see, or said above
	case err != nil:
		r.bad("desk.certificate", c.Desk.Certificate, "a certificate in PEM form that belongs to desk.key", "")
		return
	}
	if now := time.Now(); now.Before(pair.Leaf.NotBefore) || now.After(pair.Leaf.NotAfter) {
		r.bad("desk.certificate", c.Desk.Certificate, "a certificate that is valid now", "it ended or begins on another day: "+pair.Leaf.NotAfter.Format(time.DateOnly)+" is its last")
	}
	for _, h := range c.Desk.Hosts {
		if pair.Leaf.VerifyHostname(h) != nil {
			r.bad("desk.hosts", h, "names and addresses that the desk's certificate holds", "take it out, or get a certificate that holds it")
		}
	}
}

// stat looks at a file that the config names; ok is false for none, for one that
// this account may not see, and for one that is missing, which it reports.
func (r *report) stat(path, file string) (fs.FileInfo, bool) {
	if file == "" {
		return nil, false
	}
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) {
		r.bad(path, file, "something that exists", missingHints[path])
	}
	return info, err == nil
}

var missingHints = map[string]string{
	"key_source.file": "`clinicgate keys init --generate` makes it",
}

// ControlPath reads control.path from the config file at path and looks at
// nothing else in it, so that a running service can be reached although its file
// has been broken since. Where there is nothing to read it is the default.
func ControlPath(path string) string {
	c := Default()
	if data, err := read(path); err == nil {
		_, _ = decode(data, &c)
		if c.Control.Path == "" {
			c.Control = Default().Control
		}
		c.resolve(folderOf(path))
	}
	return c.Control.Path
}
