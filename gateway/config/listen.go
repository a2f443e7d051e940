package config

import (
	"net"
	"regexp"
	"strconv"
	"time"
)

// Web is the check-in page, for the kiosk's own browser.
type Web struct {
	Listen       string   `toml:"listen"`
	Idle         Duration `toml:"idle"`
	Texts        string   `toml:"texts"`
	Speech       string   `toml:"speech"`
	PrivateAudio bool     `toml:"private_audio"`

	PanelWidth int `toml:"panel_width_mm"`
	Distance   int `toml:"distance_mm"`
}

// Board is the waiting room's board for displays other than the kiosk's own.
type Board struct {
	Listen      string   `toml:"listen"`
	Hosts       []string `toml:"hosts"`
	Departments []string `toml:"departments"`
	Panel       int      `toml:"panel"`
	Distance    int      `toml:"distance"`
	Speak       bool     `toml:"speak"`
}

func (w Web) validate(_ *Config, r *report) {
	if w.Listen == "" {
		r.missing("web.listen", "a loopback address such as \"127.0.0.1:8470\"")
	} else {
		r.loopback("web.listen", w.Listen, "the check-in page is only for the kiosk's own browser")
	}
	r.between("web.idle", w.Idle, 20*time.Second, time.Hour)
	if w.PanelWidth != 0 && (w.PanelWidth < 100 || w.PanelWidth > 3000) {
		r.bad("web.panel_width_mm", strconv.Itoa(w.PanelWidth), "0, or 100 to 3000", "measure the picture, not the frame, from side to side as the panel hangs")
	}
	if w.Distance < 200 || w.Distance > 2000 {
		r.bad("web.distance_mm", strconv.Itoa(w.Distance), "200 to 2000", "from the eye of whoever stands or sits before the panel to its picture")
	}
}

var hostForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$`)

func (b Board) validate(c *Config, r *report) {
	for _, d := range b.Departments {
		if !c.hasDepartment(d) {
			r.bad("board.departments", d, "ids of [[department]] tables: "+c.departmentIDs(), "")
		}
	}
	if b.Panel < 10 || b.Panel > 200 {
		r.bad("board.panel", itoa(b.Panel), "10 to 200", "the panel's diagonal in inches, as it is sold")
	}
	if b.Distance < 1 || b.Distance > 30 {
		r.bad("board.distance", itoa(b.Distance), "1 to 30", "metres from the panel to the farthest chair")
	}
	if b.Listen == "" {
		return
	}
	if _, _, err := splitListen(b.Listen); err != nil {
		r.bad("board.listen", b.Listen, "empty, or address:port", "such as \"0.0.0.0:8471\" for every display on the network")
	}
	for _, h := range b.Hosts {
		if !hostForm.MatchString(h) {
			r.bad("board.hosts", h, "names without a port, such as \"kiosk-1.clinic.example\"", "")
		}
	}
}

// validateListeners refuses two listeners on one port. Port 0 asks the system
// for a free one and may be used by several.
func validateListeners(c *Config, r *report) {
	taken := map[string]string{}
	for _, l := range []struct{ path, addr string }{
		{"web.listen", c.Web.Listen}, {"board.listen", c.Board.Listen}, {"desk.listen", c.Desk.Listen}, {"mqtt.listen", c.MQTT.Listen}, {"mqtt.lan_listen", c.MQTT.LAN}, {"metrics.listen", c.Metrics.Listen},
	} {
		_, port, err := splitListen(l.addr)
		if err != nil || port == "0" {
			continue
		}
		if other, ok := taken[port]; ok {
			r.bad(l.path, l.addr, "a port of its own", "port "+port+" is used by "+other)
			continue
		}
		taken[port] = l.path
	}
}

// splitListen takes an address apart and checks that the port is a number.
func splitListen(addr string) (host, port string, err error) {
	host, port, err = net.SplitHostPort(addr)
	if err != nil {
		return "", "", err
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", "", err
	}
	return host, port, nil
}
