package printer

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"clinicgate/devices"
)

// PrintTicket is the printer's only verb. Its arguments are those of Ticket.Args.
const PrintTicket = "print-ticket"

// Ticket is all that can be on paper. No field can hold anything about a person:
// Number, Code and the times have a fixed form, Where is one of the clinic's own
// labels (Config.Places).
type Ticket struct {
	Number            string // "A-017"
	Where             string // where to wait; may be empty
	WaitLow, WaitHigh int    // minutes; WaitHigh 0: not known
	Code              string // "TKT1:" and 26 letters and digits; may be empty
	Language          string // one that there are Words for
	At                time.Time
}

var (
	numberForm = regexp.MustCompile(`^[A-Z]-[0-9]{3,5}$`)
	codeForm   = regexp.MustCompile(`^TKT1:[A-Z2-7]{26}$`)
	tagForm    = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`)
)

const longestWait = 24 * 60 // minutes

// Args gives the arguments of a command that prints t.
func (t Ticket) Args() map[string]string {
	return map[string]string{
		"number": t.Number, "where": t.Where, "wait-low": strconv.Itoa(t.WaitLow), "wait-high": strconv.Itoa(t.WaitHigh),
		"code": t.Code, "language": t.Language, "at": t.At.UTC().Format(time.RFC3339),
	}
}

// ParseTicket reads what Args gives. It refuses unknown names, forms that are not
// those of Ticket, and a Where that is not among places.
func ParseTicket(args map[string]string, places []string) (Ticket, error) {
	t := Ticket{Number: args["number"], Where: args["where"], Code: args["code"], Language: args["language"]}
	var errs []error
	bad := func(name string) { errs = append(errs, fmt.Errorf("argument %q is not of its form", name)) }
	number := func(name string) int {
		n, err := strconv.Atoi(args[name])
		if err != nil && args[name] != "" || n < 0 || n > longestWait {
			bad(name)
		}
		return n
	}
	t.WaitLow, t.WaitHigh = number("wait-low"), number("wait-high")
	if t.WaitLow > t.WaitHigh {
		bad("wait-low")
	}
	if !numberForm.MatchString(t.Number) {
		bad("number")
	}
	if t.Code != "" && !codeForm.MatchString(t.Code) {
		bad("code")
	}
	if !tagForm.MatchString(t.Language) {
		bad("language")
	}
	if t.Where != "" && !slices.Contains(places, t.Where) {
		bad("where")
	}
	var err error
	if t.At, err = time.Parse(time.RFC3339, args["at"]); err != nil {
		bad("at")
	}
	known := Ticket{}.Args()
	for _, name := range slices.Sorted(maps.Keys(args)) {
		if _, ok := known[name]; !ok {
			errs = append(errs, errors.New("there is an argument that a ticket does not have"))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Ticket{}, fmt.Errorf("%w: %w", devices.ErrUnsupported, err)
	}
	return t, nil
}

// Words are the sentences of a ticket in one language, as the page has them.
type Words struct {
	Tag   string
	RTL   bool
	Where string   // "Please wait here"
	Title string   // "Your number"
	Wait  string   // "Expected wait"
	Note  string   // what to do with the number
	Fonts [][]byte // WOFF2, in order of preference
	// Minutes says a range of minutes.
	Minutes func(low, high int) string
}
