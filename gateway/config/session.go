package config

import "regexp"

// Session says how the page gets onto this machine's screen.
type Session struct {
	Browser         string     `toml:"browser"`
	Compositor      Compositor `toml:"compositor"`
	CompositorWords []string   `toml:"compositor_options"`
	Board           string     `toml:"board"`
}

// Compositor is what draws the kiosk's screen.
type Compositor string

// The values of kiosk_session.compositor.
const (
	CompositorAuto   Compositor = "auto"   // Linux: weston where no display server is found
	CompositorWeston Compositor = "weston" // Linux: of the session's own
	CompositorNone   Compositor = "none"   // the display server that is there
)

const maxCompositorWords = 16

var boardPlace = regexp.MustCompile(`^([A-Za-z0-9-]{1,40}|-?[0-9]{1,5},-?[0-9]{1,5})$`)

func (s Session) validate(_ *Config, r *report) {
	switch s.Compositor {
	case CompositorAuto, CompositorWeston, CompositorNone:
	default:
		r.bad("kiosk_session.compositor", string(s.Compositor), oneOf(CompositorAuto, CompositorWeston, CompositorNone), "")
	}
	if len(s.CompositorWords) > maxCompositorWords {
		r.bad("kiosk_session.compositor_options", itoa(len(s.CompositorWords))+" options", "at most 16", "")
	}
	if s.Board != "" && !boardPlace.MatchString(s.Board) {
		r.bad("kiosk_session.board", s.Board, "the name of an output such as \"HDMI-A-2\", or a place such as \"1920,0\"", "`weston-info` and /sys/class/drm name the outputs")
	}
}
