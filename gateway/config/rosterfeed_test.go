package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"clinicgate/gateway/config"
)

func TestRosterSection(t *testing.T) {
	clinic, err := os.ReadFile(filepath.Join("testdata", "clinic.toml"))
	if err != nil {
		t.Fatal(err)
	}
	before, err := config.Parse(clinic, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	department, provider := before.Departments[0].ID, before.Providers[0].ID
	for _, c := range []struct {
		section string
		paths   string // of the problems
	}{
		{`folder = "lists"`, ""},
		{`departments = { "Dr. Vega's ward" = "` + department + `" }`, ""},
		{`providers = { "Dr. Vega" = "` + provider + `", pool = "" }`, ""},
		{`columns = { appointment_id = "Nr", patient_id = "2", name = "3", start = "4" }` + "\n" + `department = "` + department + `"`, ""},
		{`days_ahead = 61` + "\n" + `format = "xls"`, "roster.days_ahead roster.format"},
		{`department = "nowhere"`, "roster.department"},
		{`departments = { "Dr. X" = "nowhere" }`, "roster.departments.Dr. X"},
		{`providers = { x = "nobody" }`, "roster.providers.x"},
		{`statuses = { x = "gone" }`, "roster.statuses.x"},
		{`modes = { x = "phone" }`, "roster.modes.x"},
		{`languages = { x = "not a tag" }`, "roster.languages.x"},
		{`patient_system = "a\nb"`, "roster.patient_system"},
		{`columns = { colour = "1" }`, "roster.columns roster.columns.colour"},
		{`columns = { appointment_id = "0", patient_id = "2", name = "3", start = "4", provider = "5" }`, "roster.columns.appointment_id"},
		{`header = false`, "roster.columns"},
		{`header = false` + "\n" + `columns = { appointment_id = "Nr", patient_id = "2", name = "3", start = "4", provider = "5" }`, "roster.columns.appointment_id"},
		{`columns = { appointment_id = 1, patient_id = "2", name = "3", start = "4", provider = "5" }`, "roster.columns roster.columns.appointment_id"},
	} {
		text := string(clinic) + "\n[roster]\n" + c.section + "\n"
		_, err := config.Parse([]byte(text), t.TempDir())
		problems, _ := errors.AsType[config.Problems](err)
		paths := problems.Paths()
		slices.Sort(paths)
		if got := strings.Join(slices.Compact(paths), " "); got != c.paths {
			t.Errorf("%s: problems at %q, want %q: %v", c.section, got, c.paths, err)
		}
		for _, p := range problems {
			if p.Line <= strings.Count(string(clinic), "\n") && !p.Missing {
				t.Errorf("%s: %v has another line", c.section, p)
			}
		}
	}
	// Words with dots are explained by their table.
	lines, err := config.Explain([]byte(string(clinic)+"\n[roster.providers]\n\"Dr. Vega, M.D.\" = \""+provider+"\"\n"), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(lines, func(e config.Explanation) bool { return strings.HasSuffix(e.Path, "M.D.") })
	if i < 0 || lines[i].Doc == "" || lines[i].Line == 0 {
		t.Errorf("a word with dots is not explained: %d", i)
	}
}
