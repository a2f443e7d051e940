package web

import "math"

// display is how this session's patient wants to see and reach the page. The
// three go together: somebody in a wheelchair may see badly too. It ends with the
// session, so that nobody inherits it.
type display struct {
	Large    bool `json:"large,omitempty"`    // text whose capitals are as high as capitalHeight says
	Contrast bool `json:"contrast,omitempty"` // at least 7:1, and an edge around everything
	Low      bool `json:"low,omitempty"`      // whatever is touched is in the lower part of the panel
}

// toggle turns one of the modes on or off, and reports whether there is such a mode.
func (d *display) toggle(mode string) bool {
	switch mode {
	case "large":
		d.Large = !d.Large
	case "contrast":
		d.Contrast = !d.Contrast
	case "low":
		d.Low = !d.Low
	case "normal":
		*d = display{}
	default:
		return false
	}
	return true
}

// What a capital letter of the large text must measure: 3/16 inch wherever one
// stands (36 CFR 1194 appendix C, 402.4), and 0.7 degrees of the eye's field at the
// distance from which the panel is read (EN 301 549, 5.1.4).
const (
	leastCapital    = 4.8 // mm
	capitalDegrees  = 0.7
	defaultDistance = 400 // mm: an arm that touches the panel
)

// capitalHeight gives the height of capitals in large text, in millimetres, for a
// panel that is read from a distance in millimetres; 0 is an arm's length.
func capitalHeight(distance int) float64 {
	if distance == 0 {
		distance = defaultDistance
	}
	return max(leastCapital, float64(distance)*math.Pi*capitalDegrees/180)
}
