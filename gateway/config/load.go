package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxFileBytes bounds a config file. A large clinic's file has some 100 KiB.
const maxFileBytes = 1 << 20

var errZone = errors.New("not an IANA time zone name")

// Load reads the config file at path over [Default], resolves relative paths
// against its folder and validates the result. The error is a [Problems] when
// the file could be read.
func Load(path string) (Config, error) {
	data, err := read(path)
	if err != nil {
		return Config{}, err
	}
	return Parse(data, folderOf(path))
}

// folderOf gives the absolute folder of a file. Without a working directory it
// stays relative.
func folderOf(path string) string {
	folder := filepath.Dir(path)
	if absolute, err := filepath.Abs(folder); err == nil {
		return absolute
	}
	return folder
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read config: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read config: %w", err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("cannot read config: %s is larger than 1 MiB", path)
	}
	return data, nil
}

// Parse is Load for the bytes of a config file. Relative paths are resolved
// against folder.
func Parse(data []byte, folder string) (Config, error) {
	c := Default()
	lines, problems := decode(data, &c)
	if lines == nil {
		return Config{}, problems // the decoder stopped at the first of them: what follows it is unknown
	}
	var r report
	c.validate(&r)
	c.resolve(folder)
	c.Control.validateResolved(&r)
	decoded := problems
	for _, p := range r.problems {
		if slices.ContainsFunc(decoded, func(q Problem) bool { return q.Path == p.Path }) {
			continue // a value of the wrong type is not also "not set"
		}
		p.Line = lines.of(p)
		problems = append(problems, p)
	}
	if len(problems) > 0 {
		slices.SortStableFunc(problems, byLine)
		return Config{}, problems
	}
	return c, nil
}

// Validate checks that the config is complete and consistent. It does no I/O.
// The error is a [Problems].
func (c *Config) Validate() error {
	var r report
	c.validate(&r)
	if len(r.problems) > 0 {
		return r.problems
	}
	return nil
}

func (c *Config) validate(r *report) {
	for _, section := range []interface{ validate(*Config, *report) }{
		c.Kiosk, c.Storage, c.KeySource, c.Backup, c.Upgrade, c.PubNub, c.Sync, c.Web, c.Board, c.Desk, c.Session, c.Control, c.MQTT, c.CheckIn, c.Queue, c.Roster, c.Log, c.Metrics,
	} {
		section.validate(c, r)
	}
	validateListeners(c, r)
	validateClinic(c, r)
	validateStaff(c, r)
	validateDevices(c, r)
}

// resolve makes every path absolute. Control.Path may be a pipe name.
func (c *Config) resolve(folder string) {
	for _, p := range []*string{
		&c.Storage.Dir, &c.KeySource.File, &c.Backup.Dir, &c.Upgrade.Dir, &c.PubNub.TokenFile, &c.PubNub.ProxyCredentialsFile,
		&c.PubNub.CAFile, &c.Desk.Certificate, &c.Desk.Key, &c.Control.Path, &c.MQTT.LANCertificate, &c.MQTT.LANKey, &c.MQTT.LANClientCA, &c.MQTT.BrokerCAFile, &c.MQTT.BrokerCertificate, &c.MQTT.BrokerKey, &c.MQTT.BrokerCredentials,
		&c.Consent.Forms, &c.Web.Texts, &c.Web.Speech, &c.Roster.Folder, &c.Log.File,
	} {
		if *p != "" && !filepath.IsAbs(*p) && !isPipe(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
}

// Set changes one key of c, given by its path, to a value as it would stand in
// the file; text may leave out its quotes. It does not validate.
func (c *Config) Set(path, value string) error {
	if strings.ContainsAny(path+value, "\n\r") {
		return Problems{{Path: path, What: "allowed: one line"}}
	}
	if problems := setLine(c, path, value); len(problems) == 0 {
		return nil
	}
	if problems := setLine(c, path, quote(value)); len(problems) > 0 {
		p := problems[0]
		p.Line = 0
		if p.Path == "" {
			p.Path = path
		}
		return Problems{p}
	}
	return nil
}

func setLine(c *Config, path, value string) Problems {
	next := *c
	_, problems := decode([]byte(path+" = "+value), &next)
	if len(problems) == 0 {
		*c = next
	}
	return problems
}
