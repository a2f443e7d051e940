package doctor_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"clinicgate/gateway/doctor"
)

// A code says the same after it was read to somebody who writes O for 0 and l for 1,
// and a wrong character is noticed.
func TestSupportCode(t *testing.T) {
	reports := []doctor.Report{
		{ID: "roster-age", State: doctor.Warn}, {ID: "net-dns", State: doctor.Fail}, {ID: "disk-free", State: doctor.OK},
		{ID: "pubnub-answer", State: doctor.Skipped, Because: "net-dns"}, {ID: "clock-trust", State: doctor.Warn, Because: "sync-link"},
	}
	for version, wanted := range map[string]string{"v1.2.3": "v1.2.3", "v63.511.255": "v63.511.255", "(devel)": "build ", "v64.0.0": "build "} {
		code := doctor.SupportCode(version, reports)
		spoken := strings.ToLower(strings.NewReplacer("0", "o", "1", "l", "-", " ").Replace(code))
		got, err := doctor.ParseCode(spoken)
		if err != nil {
			t.Fatalf("%s, spoken %s: %v", code, spoken, err)
		}
		var causes []string
		for _, c := range got.Causes {
			causes = append(causes, string(c.State)+" "+c.ID)
		}
		if diff := cmp.Diff([]string{"fail net-dns", "warn roster-age"}, causes); diff != "" || got.Wrong != 2 || !strings.HasPrefix(got.Version, wanted) || got.Version != doctor.VersionName(version) {
			t.Errorf("%s of %s says %+v: %s", code, version, got, diff)
		}
		const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
		for i := range code {
			if at := strings.IndexByte(alphabet, code[i]); at >= 0 {
				wrong := code[:i] + string(alphabet[(at+1)%32]) + code[i+1:]
				if _, err := doctor.ParseCode(wrong); err == nil {
					t.Errorf("%s was taken for %s", wrong, code)
				}
			}
		}
	}
	if healthy, err := doctor.ParseCode(doctor.SupportCode("v1.0.0", nil)); err != nil || healthy.Wrong != 0 || len(healthy.Causes) != 0 {
		t.Errorf("nothing wrong: %+v, %v", healthy, err)
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add(doctor.SupportCode("v1.2.3", nil))
	f.Add(doctor.SupportCode("x", []doctor.Report{{ID: "net-dns", State: doctor.Fail}}))
	f.Fuzz(func(t *testing.T, text string) {
		c, err := doctor.ParseCode(text)
		if err == nil && len(c.Causes) > 12 {
			t.Errorf("%q has %d causes", text, len(c.Causes))
		}
	})
}

// Support codes on paper in other places hold these numbers: a row may be added at the
// end only.
func TestCatalogue(t *testing.T) {
	all := doctor.Catalogue()
	for n, id := range map[int]string{0: "svc-running", 10: "disk-inodes", 31: "net-dns", 45: "clock-offset", 60: "desk-cert", 73: "log-level", 74: "upd-state", 76: "file-owner", 82: "sys-throttle", len(all) - 1: "svc-retired"} {
		if all[n].ID != id {
			t.Errorf("number %d is %s, was %s", n, all[n].ID, id)
		}
	}
	seen := map[string]bool{}
	for _, topic := range all {
		if seen[topic.ID] || topic.Does == "" || topic.Next == "" || len(topic.Impacts) == 0 {
			t.Errorf("%+v: want an id of its own and all members", topic)
		}
		seen[topic.ID] = true
	}
	if len(all) > 127 {
		t.Errorf("%d checks: a support code has numbers up to 127", len(all))
	}
}
