package gateway

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"clinicgate/kiosk"
	"clinicgate/kiosk/queue"
	"clinicgate/kiosk/web"
)

// openPage binds the check-in page and the board.
func (g *Gateway) openPage(context.Context) (io.Closer, error) {
	var signs []string
	for _, d := range g.cfg.Departments {
		for _, name := range d.Name {
			signs = append(signs, name)
		}
	}
	for _, p := range g.cfg.Providers {
		signs = append(signs, p.Name, p.Room)
	}
	var speech fs.FS
	if dir := g.cfg.Web.Speech; dir != "" {
		speech = os.DirFS(dir)
	}
	pageScanner, _ := g.cfg.PageScanner()
	scanGap, scanEnds := pageScanner.Keys()
	var err error
	if g.diag, err = g.newDiag(); err != nil {
		return nil, err
	}
	server, err := web.New(web.Config{
		Listen: g.cfg.Web.Listen, BoardListen: g.cfg.Board.Listen, BoardHosts: g.cfg.Board.Hosts, Languages: g.cfg.Kiosk.Languages,
		TryDevices: g.cfg.CheckIn.Devices, Departments: g.boardDepartments(), BoardPanel: g.cfg.Board.Panel, BoardDistance: g.cfg.Board.Distance,
		Clinic: g.cfg.Kiosk.Clinic, Texts: g.texts(), IdleAfter: g.cfg.Web.Idle.Duration, Signs: signs, Zone: g.cfg.Kiosk.Zone,
		PanelWidth: g.cfg.Web.PanelWidth, Distance: g.cfg.Web.Distance,
		ScanGap: scanGap, ScanEnds: scanEnds,
		Speech: speech, Private: g.cfg.Web.PrivateAudio, BoardMute: !g.cfg.Board.Speak,
	}, web.Deps{CheckIn: pageCheckIn{g}, Board: pageBoard{g}, Tickets: g.pageTickets(), Understand: understand, Licences: g.licences, Captured: g.wedge.Capture, Answered: g.meters.tap.Observe, Technician: g.diag, Logger: g.log.With("component", "page"), Pass: web.PassFile(filepath.Join(g.cfg.Storage.Dir, "page-pass"))})
	if err != nil {
		return nil, hinted{err, "if another program uses the port, stop it or set web.listen or board.listen"}
	}
	g.web = server
	return closer(func() error {
		if err := server.Close(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil // Run has closed the ports already
	}), nil
}

// pageTickets is the printer as the page sees it, or nil.
func (g *Gateway) pageTickets() web.Tickets {
	if g.tickets == nil {
		return nil
	}
	return g.tickets
}

// boardDepartments gives what the board shows where its address does not say: what
// the config says, or all.
func (g *Gateway) boardDepartments() web.Departments {
	d := web.Departments{Usual: g.cfg.Board.Departments}
	for _, id := range g.departments {
		d.All = append(d.All, string(id))
	}
	return d
}

// pageBoard shows the queue as the waiting room may see it.
type pageBoard struct{ *Gateway }

// Watch tells of changes.
func (b pageBoard) Watch() (<-chan struct{}, func()) { return b.queue.Watch() }

func boardTicket(t queue.Ticket) web.Ticket {
	return web.Ticket{Letter: t.Letter, Number: uint16(t.Number)}
}

// Board gives numbers, rooms and the clinic's own names.
func (b pageBoard) Board(departments ...string) web.BoardView {
	shown := b.departments
	if len(departments) > 0 {
		shown = nil
		for _, d := range departments {
			shown = append(shown, kiosk.DepartmentID(d))
		}
	}
	v := b.queue.Board(shown...)
	out := web.BoardView{UpdatedAt: v.UpdatedAt}
	for _, c := range v.Called {
		out.Called = append(out.Called, web.Called{Ticket: boardTicket(c.Ticket), Room: c.Room.String(), Times: c.Times})
	}
	for _, t := range v.Next {
		out.Next = append(out.Next, boardTicket(t))
	}
	for _, w := range v.Waits {
		if w.Known && w.Waiting > 0 {
			out.Waits = append(out.Waits, web.Wait{Department: b.departmentName(string(w.Department), b.cfg.Kiosk.Language()), Low: w.Low, High: w.High})
		}
	}
	for _, p := range v.Providers {
		out.Providers = append(out.Providers, web.Provider{Name: p.Name, Room: p.Room.String(), Status: providerWord(p.Status)})
	}
	return out
}

// providerWord is what patients see of a provider's availability.
func providerWord(status string) web.ProviderStatus {
	switch status {
	case "Busy":
		return web.ProviderBusy
	case "Away":
		return web.ProviderAway
	case "Available":
		return web.ProviderAvailable
	}
	return web.ProviderOffline
}

// inLanguage picks the text of a language, or of the kiosk's first one.
func (g *Gateway) inLanguage(texts map[string]string, language string) string {
	if t := texts[language]; t != "" {
		return t
	}
	return texts[g.cfg.Kiosk.Language()]
}

func (g *Gateway) departmentName(id, language string) string {
	for _, d := range g.cfg.Departments {
		if d.ID == id {
			return g.inLanguage(d.Name, language)
		}
	}
	return ""
}

func (g *Gateway) departmentWhere(id, language string) string {
	for _, d := range g.cfg.Departments {
		if d.ID == id {
			return g.inLanguage(d.Where, language)
		}
	}
	return ""
}

func (g *Gateway) providerName(id string) string {
	for _, p := range g.cfg.Providers {
		if p.ID == id {
			return p.Name
		}
	}
	return ""
}
