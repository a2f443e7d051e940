package service

import (
	"fmt"
	"net"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"clinicgate/devices"
	"clinicgate/devices/scanner"
	"clinicgate/gateway/config"
)

// Dropin is a file beside the unit that adds what one kiosk's config needs. Text
// is empty where it needs nothing.
type Dropin struct {
	Name string // of the file, such as "10-devices.conf"
	Text string
}

// Dropins gives what the unit lacks for a config: the device classes that it has,
// and folders, ports and groups beyond the usual. It touches nothing.
func Dropins(c config.Config) []Dropin {
	return []Dropin{{"10-devices.conf", devicesDropin(c)}, {"20-config.conf", configDropin(c)}}
}

const dropinHead = "# Made by `clinicgate service devices` from the config; it is written anew there.\n"

// node is one kind of device node: what may be opened, by which group, and the
// kernel module that must be there before the unit starts, since systemd looks up
// the numbers of a kind only then.
type node struct {
	allow  []string
	group  string
	module []string
}

func nodes() map[string]node {
	return map[string]node{
		"usb-serial": {[]string{"char-ttyACM", "char-ttyUSB"}, "dialout", []string{"cdc_acm", "usbserial"}},
		"input":      {[]string{"char-input"}, "input", nil},
		"hidraw":     {[]string{"char-hidraw"}, "clinicgate-hid", []string{"hid"}},
		"usb-lp":     {[]string{"char-usb"}, "lp", []string{"usblp"}},
		"gpio":       {[]string{"char-gpiochip"}, "gpio", nil},
		"spi":        {[]string{"char-spi"}, "spi", []string{"spidev"}},
	}
}

// nodesOf lists the kinds of nodes that a device opens: keys of nodes, or the path
// of a serial port.
func nodesOf(d config.Device) []string {
	if d.Disabled || d.OnMQTT() {
		return nil
	}
	switch d.Class {
	case devices.Scanner:
		switch scanner.Mode(d.Mode) {
		case scanner.Keyboard:
			return []string{"input"}
		case scanner.HIDPOS:
			return []string{"hidraw"}
		case scanner.ByPage:
			return nil
		}
		return serialNode(d.Port)
	case devices.NFC:
		if strings.HasPrefix(d.Port, "spi:") {
			return []string{"spi", "gpio"}
		}
		return nil // pcscd's socket
	case devices.Printer:
		if at, serial := strings.CutPrefix(d.Port, "serial:"); serial {
			return serialNode(at)
		} else if strings.HasPrefix(d.Port, "tcp:") {
			return nil
		}
		return []string{"usb-lp"}
	case devices.Button, devices.Presence, devices.Lamp, devices.Sounder:
		return []string{"gpio"}
	}
	return nil
}

var ttyName = regexp.MustCompile(`^/dev/(tty[A-Za-z]+)[0-9]+$`)

func serialNode(port string) []string {
	if strings.HasPrefix(port, "usb:") || strings.HasPrefix(port, "/dev/serial/") {
		return []string{"usb-serial"}
	}
	if m := ttyName.FindStringSubmatch(port); m != nil && (m[1] == "ttyACM" || m[1] == "ttyUSB") {
		return []string{"usb-serial"}
	}
	return []string{port}
}

func devicesDropin(c config.Config) string {
	var allow, groups, modules []string
	pcsc := false
	known := nodes()
	for _, d := range c.Devices {
		pcsc = pcsc || d.Class == devices.NFC && !d.Disabled && strings.HasPrefix(d.Port, "pcsc:")
		for _, kind := range nodesOf(d) {
			n, ok := known[kind]
			if !ok { // a fixed port
				n = node{[]string{kind}, "dialout", nil}
				if m := ttyName.FindStringSubmatch(kind); m != nil {
					n.allow = []string{"char-" + m[1]}
				}
			}
			allow, groups, modules = append(allow, n.allow...), append(groups, n.group), append(modules, n.module...)
		}
	}
	var b strings.Builder
	if pcsc || len(modules) > 0 {
		b.WriteString("[Unit]\n")
		for _, m := range sorted(modules) {
			fmt.Fprintf(&b, "Wants=modprobe@%s.service\nAfter=modprobe@%s.service\n", m, m)
		}
		if pcsc {
			b.WriteString("Wants=pcscd.socket\n")
		}
		b.WriteString("\n")
	}
	if len(allow) > 0 {
		b.WriteString("[Service]\nPrivateDevices=no\n")
		for _, a := range sorted(allow) {
			fmt.Fprintf(&b, "DeviceAllow=%s rw\n", word(a))
		}
		fmt.Fprintf(&b, "SupplementaryGroups=%s\n", strings.Join(sorted(groups), " "))
	}
	return headed(b.String())
}

func headed(text string) string {
	if text == "" {
		return ""
	}
	return dropinHead + text
}

// own are the folders that the unit itself gives the service to write in.
var own = []string{"/var/lib/clinicgate", "/run/clinicgate", "/var/log/clinicgate"}

func configDropin(c config.Config) string {
	var lines []string
	homes := false
	folder := func(p string, write bool) {
		switch {
		case p == "" || !path.IsAbs(p):
		case slices.ContainsFunc([]string{"/home", "/root", "/run/user"}, func(h string) bool { return within(p, h) }):
			// ProtectHome hides these; only what the config names is let through.
			homes = true
			if write {
				lines = append(lines, "BindPaths=-"+word(p))
			} else {
				lines = append(lines, "BindReadOnlyPaths=-"+word(p))
			}
		case write && !slices.ContainsFunc(own, func(o string) bool { return within(p, o) }):
			lines = append(lines, "ReadWritePaths=-"+word(p))
		}
	}
	folder(c.Storage.Dir, true)
	folder(c.Roster.Folder, true)
	folder(c.Backup.Dir, true)
	if c.Log.File != "" {
		folder(path.Dir(c.Log.File), true)
	}
	if path.IsAbs(c.Control.Path) {
		folder(path.Dir(c.Control.Path), true)
	}
	for _, p := range []string{
		c.KeySource.File, c.PubNub.TokenFile, c.PubNub.ProxyCredentialsFile, c.PubNub.CAFile, c.Desk.Certificate, c.Desk.Key,
		c.MQTT.LANCertificate, c.MQTT.LANKey, c.MQTT.LANClientCA, c.MQTT.BrokerCAFile, c.MQTT.BrokerCertificate, c.MQTT.BrokerKey, c.MQTT.BrokerCredentials,
		c.Consent.Forms, c.Web.Texts, c.Web.Speech,
	} {
		folder(p, false)
	}
	if homes {
		lines = append(lines, "ProtectHome=tmpfs")
	}
	if slices.ContainsFunc([]string{c.Web.Listen, c.Board.Listen, c.Desk.Listen, c.MQTT.Listen, c.MQTT.LAN, c.Metrics.Listen}, lowPort) {
		lines = append(lines, "AmbientCapabilities=CAP_NET_BIND_SERVICE", "CapabilityBoundingSet=CAP_NET_BIND_SERVICE")
	}
	if c.Control.Group != "" {
		// The channel has that group, and its folder the service's own: others may go
		// through it to the channel, and see nothing else in it.
		lines = append(lines, "SupplementaryGroups="+word(c.Control.Group), "SystemCallFilter=@chown", "RuntimeDirectoryMode=0751")
	}
	if c.KeySource.Kind == config.KeySourceCredential {
		lines = append(lines, "LoadCredentialEncrypted="+c.KeySource.CredentialName()+":"+word(c.KeySource.File))
	}
	unit := ""
	if path.IsAbs(c.Storage.Dir) && c.Storage.Dir != own[0] {
		// As the unit has it of the usual folder.
		unit = "[Unit]\nConditionPathExists=!" + strings.ReplaceAll(path.Join(c.Storage.Dir, DecommissionedFile), "%", "%%") + "\n\n" // not unquoted by systemd
	}
	if len(lines) == 0 {
		return headed(unit)
	}
	return headed(unit + "[Service]\n" + strings.Join(sorted(lines), "\n") + "\n")
}

func within(p, folder string) bool { return p == folder || strings.HasPrefix(p, folder+"/") }

// lowPort reports a port that only a privileged process may bind.
func lowPort(listen string) bool {
	_, port, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n > 0 && n < 1024
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// word quotes a value where systemd would read it otherwise (systemd.syntax(7)).
func word(s string) string {
	s = strings.ReplaceAll(s, "%", "%%")
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '\'' || r == '\\' || r == ';' || r == '#' }) {
		return strconv.Quote(s)
	}
	return s
}
