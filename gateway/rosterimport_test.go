package gateway_test

import (
	"strings"
	"testing"
	"time"

	"clinicgate/gateway/control"
)

// A list cancels, and one that is half-written is taken by force only, which the
// audit log keeps.
func TestImportByHand(t *testing.T) {
	c := newClinic(t)
	c.admit("apt-1")
	const head = "appointment_id,patient_id,family_name,department,start,status\n"
	in, err := c.control.RosterImport(t.Context(), control.RosterImport{List: []byte(head + "apt-1,,,,,cancelled\napt-9,,,,,cancelled\n")})
	if err != nil || in.Gone != 1 || in.Rows != 0 {
		t.Errorf("cancelled: %+v, %v", in, err)
	}
	half := []byte(head + "apt-2,MRN-2,Fictional,cardiology," + time.Now().Format(time.RFC3339) + ",\napt-3,MRN-3,Fict")
	if in, err := c.control.RosterImport(t.Context(), control.RosterImport{List: half}); err == nil {
		t.Errorf("a half-written list: %+v", in)
	}
	if in, err = c.control.RosterImport(t.Context(), control.RosterImport{List: half, Force: true}); err != nil || in.Changed != 1 || in.Refused != 1 {
		t.Errorf("by force: %+v, %v", in, err)
	}
	events, err := c.control.AuditList(t.Context(), control.AuditQuery{Type: "ROSTER_IMPORTED", Limit: 20})
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, e := range events.Events {
		all.Write(e)
	}
	for _, want := range []string{"force, file cut", "1 cancelled, 1 not on the list", "1 new, 0 changed"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("the audit log lacks %q", want)
		}
	}
}
