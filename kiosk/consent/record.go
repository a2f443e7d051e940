package consent

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"time"

	"clinicgate/kiosk"
	"clinicgate/storage"
)

// Decision is what a patient decided about one form.
type Decision struct {
	FormID   string
	Version  string
	Language string
	SHA256   string // of the text that was shown
	Granted  bool
	Relation Relation // who decided; empty: Self

	// Signature is what was given with a grant, where the form asks for more than a tap.
	Signature Signature

	// Interpreter says that an interpreter was there when it was decided.
	Interpreter bool
}

// Words of a record's decision.
const (
	granted  = "granted"
	declined = "declined"
	revoked  = "revoked"
)

// Reason is why staff take a consent back.
type Reason string

const (
	PatientAsked     Reason = "patient-asked"
	SignerAsked      Reason = "signer-asked" // who had signed for the patient
	SignedInError    Reason = "signed-in-error"
	SignerNotAllowed Reason = "signer-not-allowed"
	CameOfAge        Reason = "came-of-age" // the patient decides alone now
)

// Reasons lists all of them.
func Reasons() []Reason {
	return []Reason{PatientAsked, SignerAsked, SignedInError, SignerNotAllowed, CameOfAge}
}

// Valid reports whether r is of the list.
func (r Reason) Valid() bool { return slices.Contains(Reasons(), r) }

// Standing says in a word what a patient's consent of one type amounts to.
type Standing string

const (
	Unsigned Standing = "unsigned" // nobody has decided
	InEffect Standing = "in-effect"
	Declined Standing = "declined"
	Revoked  Standing = "revoked"
	Expired  Standing = "expired"
	Stale    Standing = "stale" // granted on an older version of the form
)

// StandingAt gives the word for a state at an instant.
func StandingAt(s kiosk.ConsentState, now time.Time) Standing {
	switch {
	case s.Decision == "":
		return Unsigned
	case s.InEffect(now):
		return InEffect
	case s.Decision == revoked:
		return Revoked
	case s.Decision != granted:
		return Declined
	case !s.Granted:
		return Stale
	}
	return Expired
}

// Record is a consent record and the clock reading that orders it among the
// patient's others, on every kiosk alike.
type Record struct {
	kiosk.ConsentShape
	HLC storage.HLC
}

// Fold gives what a patient's records amount to. For each type the newest
// record counts; a grant counts while its form is unchanged. It depends on the
// set of records, not on their order.
func Fold(records []Record, forms *Forms) kiosk.Consents {
	newest := map[kiosk.ConsentType]*Record{}
	for i := range records {
		r := &records[i]
		t := kiosk.ConsentType(r.Type)
		if o := newest[t]; o == nil || compare(o, r) < 0 {
			newest[t] = r
		}
	}
	state := func(t kiosk.ConsentType) kiosk.ConsentState {
		r := newest[t]
		if r == nil {
			return kiosk.ConsentState{}
		}
		return kiosk.ConsentState{
			Granted:  r.Granted && r.Decision == granted && forms.current(r.FormID, r.Version),
			Declined: !r.Granted,
			Decision: r.Decision,
			Relation: r.Relation,
			At:       r.DecidedAt.Time,
			Until:    r.ExpiresAt.Time,
			Record:   r.ID.String(),
		}
	}
	return kiosk.Consents{Records: len(records), Telehealth: state(kiosk.Telehealth), DataSharing: state(kiosk.DataSharing), Recording: state(kiosk.Recording)}
}

func compare(a, b *Record) int {
	return cmp.Or(cmp.Compare(a.HLC, b.HLC), bytes.Compare(a.ID[:], b.ID[:]))
}

// validate says what is wrong with a record of another kiosk.
func validate(r kiosk.ConsentShape) error {
	switch {
	case r.PatientID.Validate() != nil, !kiosk.ConsentType(r.Type).Valid(), r.DecidedAt.IsZero():
		return errMalformed
	case r.Granted != (r.Decision == granted), r.Decision != granted && r.Decision != declined && r.Decision != revoked:
		return errMalformed
	case len(r.FormID) > 40 || len(r.Version) > 40 || len(r.SHA256) != 64 || len(r.Language) > 40 || len(r.Scope) > 40 || len(r.Basis) > 40:
		return errMalformed
	case r.Signature != nil && (len(r.Signature.SHA256) != 64 || r.Signature.Size < 1):
		return errMalformed
	case !word.MatchString(r.Method), !word.MatchString(r.Signer), !word.MatchString(r.Relation), r.Reason != "" && !word.MatchString(r.Reason):
		return errMalformed
	}
	return nil
}

var errMalformed = errors.New("consent record is malformed")

// word is what a record may say of a person: one of a list, which may be longer
// where a newer version runs, and never a name.
var word = regexp.MustCompile(`^[a-z][a-z-]{0,39}$`)

// row is the stored form of a patient's records.
type row struct {
	Form    int      `json:"f"`
	Count   int      `json:"n"` // ever recorded; older ones beyond maxRecords stay in the log only
	Records []stored `json:"r"`
}

type stored struct {
	Shape kiosk.ConsentShape `json:"s"`
	HLC   storage.HLC        `json:"h"`
}

const (
	rowForm = 1
	// maxRecords bounds the records that a patient's row holds. The newest of
	// each type is what counts; every record stays in the event log.
	maxRecords = 120
)

func readRow(data []byte) (row, error) {
	if data == nil {
		return row{Form: rowForm}, nil
	}
	var r row
	if err := json.Unmarshal(data, &r); err != nil || r.Form != rowForm {
		return row{}, errors.New("consent row has an unknown form")
	}
	return r, nil
}

func (r *row) add(rec Record) (fresh bool) {
	if slices.ContainsFunc(r.Records, func(o stored) bool { return o.Shape.ID == rec.ID }) {
		return false
	}
	r.Records = append(r.Records, stored{rec.ConsentShape, rec.HLC})
	r.Count++
	if len(r.Records) > maxRecords {
		r.dropOldest()
	}
	return true
}

// dropOldest leaves out the oldest record that is not its type's newest.
func (r *row) dropOldest() {
	records := r.records()
	order := make([]int, len(records))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return compare(&records[a], &records[b]) })
	for _, i := range order {
		newer := func(o Record) bool { return o.Type == records[i].Type && compare(&records[i], &o) < 0 }
		if slices.ContainsFunc(records, newer) {
			r.Records = slices.Delete(r.Records, i, i+1)
			return
		}
	}
}

func (r *row) records() []Record {
	list := make([]Record, len(r.Records))
	for i, s := range r.Records {
		list[i] = Record{s.Shape, s.HLC}
	}
	return list
}

func (r *row) fold(forms *Forms) kiosk.Consents {
	c := Fold(r.records(), forms)
	c.Records = r.Count
	return c
}

func (f Form) until(at time.Time) time.Time {
	if f.Valid == 0 {
		return time.Time{}
	}
	return at.Add(f.Valid)
}
