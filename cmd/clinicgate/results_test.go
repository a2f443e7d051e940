package main

import (
	"bytes"
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"clinicgate/gateway"
	"clinicgate/gateway/config"
	"clinicgate/gateway/control"
	"clinicgate/gateway/doctor"
	"clinicgate/gateway/service"
	"clinicgate/gateway/upgrade"
	"clinicgate/storage"
)

// did is what a command says it did.
type did struct {
	Did []string `json:"did"`
}

// results has, for each command, what its result with --json is made of. The forms are
// kept in testdata/json, a file for each command, for who reads results with a program:
// a member may come, and none goes or changes its meaning while the version stays. That
// the commands write them is shown by what the scripts run, see checkResults.
var results = map[string][]any{
	"audit list":       {control.AuditEvents{}},
	"audit verify":     {control.AuditReport{}},
	"break-glass end":  {control.Glasses{}},
	"break-glass list": {control.Glasses{}},
	"break-glass open": {control.Glass{}},
	"bundle": {struct {
		File  string `json:"file"`
		Bytes int    `json:"bytes"`
	}{}},
	"config check": {struct {
		Path     string `json:"path"`
		OK       bool   `json:"ok"`
		Settings []struct {
			Line  int    `json:"line,omitempty"`
			Key   string `json:"key"`
			Value string `json:"value"`
			Means string `json:"means"`
		} `json:"settings"`
		Problems config.Problems `json:"problems"`
		Notes    []string        `json:"notes,omitempty"`
	}{}},
	"config init": {struct {
		Path  string   `json:"path"`
		Unset []string `json:"unset"`
	}{}},
	"config show": {struct {
		Path string `json:"path"`
		TOML string `json:"toml"`
	}{}},
	"consent list":       {control.ConsentList{}},
	"consent revoke":     {control.ConsentList{}},
	"consent signature":  {control.ConsentSignature{}},
	"decommission":       {gateway.Certificate{}},
	"desk browsers":      {control.DeskBrowsers{}},
	"desk certificate":   {control.DeskCertificate{}},
	"desk pair":          {control.DeskPairing{}},
	"desk pin":           {control.None{}},
	"desk revoke":        {control.DeskBrowsers{}},
	"devices credential": {control.MQTTCredential{}},
	"devices list":       {control.Devices{}},
	"devices replace":    {control.Device{}},
	"devices test":       {[]control.DeviceTested{}},
	"devices watch":      {control.DeviceWatched{}},
	"diag close":         {control.DiagStatus{}},
	"diag open":          {control.DiagOpened{}},
	"diag status":        {control.DiagStatus{}},
	"doctor":             {control.DoctorFound{}, []control.DoctorFixed{}},  // with --fix
	"doctor explain":     {[]doctor.Topic{}, doctor.Topic{}, doctor.Code{}}, // the list, a check, a code
	"keys erase":         {control.KeyList{}},
	"keys import":        {control.KeyList{}},
	"keys init":          {control.KeyList{}},
	"keys list":          {control.KeyList{}},
	"keys recovery init": {struct {
		Public  string `json:"public"`
		Private string `json:"private"`
	}{}},
	"keys recovery set": {control.KeyList{}},
	"keys recovery status": {struct {
		Set    bool   `json:"set"`
		Public string `json:"public"`
	}{}},
	"keys rotate":           {control.KeyList{}},
	"keys source":           {control.KeyList{}},
	"kiosk-session install": {did{}},
	"kiosk-session policies": {struct {
		Form string `json:"form"`
		Text string `json:"text"`
	}{}},
	"kiosk-session uninstall": {did{}},
	"launch":                  {control.Launched{}},
	"log level":               {control.LogLevel{}},
	"log levels":              {control.LogLevels{}},
	"log tail":                {control.LogLines{}},
	"provider set":            {control.Provider{}},
	"queue acknowledge":       {control.Help{}},
	"queue admit":             {control.QueueEntry{}},
	"queue alarms":            {control.HelpList{}},
	"queue call":              {control.QueueEntry{}},
	"queue list":              {control.QueueList{}},
	"queue match":             {control.QueueEntry{}},
	"queue priority":          {control.QueueEntry{}},
	"queue remove":            {control.QueueEntry{}},
	"queue status":            {control.QueueEntry{}},
	"queue transfer":          {control.QueueEntry{}},
	"queue undo":              {control.QueueEntry{}},
	"queue walk-in":           {control.QueueEntry{}},
	"retention run":           {control.Retained{}},
	"retention show":          {[]keptKind{}},
	"roster accept":           {control.RosterImported{}},
	"roster check":            {rosterReading{}},
	"roster codes": {[]struct {
		Appointment string `json:"appointment_id"`
		QR          string `json:"qr"`
		Typed       string `json:"typed"`
	}{}},
	"roster held":   {control.HeldLists{}},
	"roster import": {control.RosterImported{}},
	"roster keygen": {struct {
		Kind  string `json:"kind"`
		ID    string `json:"id"`
		Value string `json:"value"`
	}{}},
	"roster refuse": {control.HeldLists{}},
	"run": {struct {
		Page    string `json:"page"`
		Board   string `json:"board"`
		Desk    string `json:"desk"`
		MQTT    string `json:"mqtt"`
		Metrics string `json:"metrics"`
		Control string `json:"control"`
	}{}},
	"service devices":   {did{}, []service.Dropin{}}, // with --print
	"service install":   {did{}},
	"service restart":   {service.State{}},
	"service start":     {service.State{}},
	"service status":    {service.State{}},
	"service stop":      {service.State{}},
	"service uninstall": {did{}},
	"status":            {control.Status{}},
	"store backup":      {control.BackedUp{}},
	"store check":       {storage.Report{}},
	"store compact":     {control.Compacted{}},
	"store recover":     {gateway.Recovered{}},
	"store restore":     {control.Restored{}},
	"sync status":       {control.SyncStatus{}},
	"token set":         {control.Token{}},
	"token status":      {control.Token{}},
	"upgrade": {upgrade.State{}, struct {
		Version   string `json:"version"`
		Target    string `json:"target"`
		Store     int    `json:"store"`
		Installed string `json:"installed"`
	}{}}, // with --check
	"upgrade cancel": {upgrade.State{}},
	"upgrade status": {upgrade.State{}},
	"validate":       {control.Validation{}},
	"version":        {build{}},
}

// recorded is the real main, which keeps what it writes with --json beside the scripts.
func recorded() {
	os.Exit(service.Main(os.Args[1:], func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
		folder := os.Getenv("RESULTS")
		c, _, err := (&app{}).root().Find(args)
		if folder == "" || err != nil || !slices.Contains(args, "--json") {
			return run(ctx, args, stdin, stdout, stderr)
		}
		file, err := os.CreateTemp(folder, strings.ReplaceAll(wordsOf(c), " ", "+")+".*")
		if err != nil {
			panic(err)
		}
		defer file.Close()
		return run(ctx, args, stdin, io.MultiWriter(stdout, file), stderr)
	}))
}

// unscripted has the commands whose result no script shows, and why.
var unscripted = map[string]string{
	"kiosk-session":           "it shows nothing and runs until it is stopped",
	"kiosk-session uninstall": "it needs a service manager, and writes as install does",
	"service restart":         "it needs a service manager",
	"service start":           "it needs a service manager",
	"service status":          "it needs a service manager",
	"service stop":            "it needs a service manager",
	"service uninstall":       "it needs a service manager",
	"upgrade cancel":          "it needs a service manager",
}

// formOf describes what a type becomes in JSON: members with "?" may be missing.
func formOf(t reflect.Type) any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "time"
	case t == reflect.TypeFor[json.RawMessage]():
		return "any"
	case t.Kind() == reflect.Pointer:
		return formOf(t.Elem())
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return "string"
	case t.Implements(reflect.TypeFor[json.Marshaler]()):
		return "time or string: " + t.String()
	}
	switch t.Kind() {
	case reflect.Struct:
		form := map[string]any{}
		for f := range t.Fields() {
			name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			inner := formOf(f.Type)
			if members, ok := inner.(map[string]any); ok && f.Anonymous && name == "" {
				for k, v := range members {
					form[k] = v
				}
				continue
			}
			if name == "-" || !f.IsExported() {
				continue
			}
			if name == "" {
				name = f.Name
			}
			if strings.HasPrefix(options, "omit") {
				name += "?"
			}
			form[name] = inner
		}
		return form
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "base64"
		}
		return []any{formOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"*": formOf(t.Elem())}
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Interface:
		return "any"
	}
	return "integer"
}

// misfits says where a value differs from its form.
func misfits(at string, form, value any) (all []string) {
	wrong := func() []string { return []string{fmt.Sprintf("%s is %v, want %v", at, value, form)} }
	switch form := form.(type) {
	case []any:
		list, ok := value.([]any)
		if !ok {
			return wrong()
		}
		for i, v := range list {
			all = append(all, misfits(fmt.Sprintf("%s[%d]", at, i), form[0], v)...)
		}
	case map[string]any:
		members, ok := value.(map[string]any)
		if !ok {
			return wrong()
		}
		for name, v := range members {
			inner, known := form[name]
			for _, other := range []string{name + "?", "*"} {
				if !known {
					inner, known = form[other]
				}
			}
			if !known {
				all = append(all, at+"."+name+" is not in the form")
				continue
			}
			all = append(all, misfits(at+"."+name, inner, v)...)
		}
		for name := range form {
			if _, there := members[name]; !there && name != "*" && !strings.HasSuffix(name, "?") {
				all = append(all, at+"."+name+" is missing")
			}
		}
	case string:
		text, isText := value.(string)
		number, isNumber := value.(json.Number)
		_, isBool := value.(bool)
		switch _, err := number.Int64(); form {
		case "any":
		case "integer":
			if !isNumber || err != nil {
				return wrong()
			}
		case "number":
			if !isNumber {
				return wrong()
			}
		case "boolean":
			if !isBool {
				return wrong()
			}
		case "time":
			if _, err := time.Parse(time.RFC3339Nano, text); !isText || err != nil {
				return wrong()
			}
		default:
			if !isText {
				return wrong()
			}
		}
	}
	return all
}

// documentOf is the form of the whole document of a command.
func documentOf(result any) any {
	return map[string]any{"version": "integer", "data": formOf(reflect.TypeOf(result))}
}

// checkResults holds what the scripts' commands wrote with --json against the forms,
// and, where all scripts ran, finds a command of which none was written.
func checkResults(t *testing.T, folder string, all bool) {
	seen := map[string]bool{}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Error(err)
	}
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), ".")
		name = strings.ReplaceAll(name, "+", " ")
		documents := json.NewDecoder(strings.NewReader(read(t, filepath.Join(folder, e.Name()))))
		documents.UseNumber()
		for {
			var d any
			err := documents.Decode(&d)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Errorf("%s --json: %v", name, err)
				break
			}
			seen[name] = true
			var wrong [][]string
			for _, r := range results[name] {
				wrong = append(wrong, misfits(name, documentOf(r), d))
			}
			if !slices.ContainsFunc(wrong, func(w []string) bool { return len(w) == 0 }) {
				t.Errorf("%s --json has another form:\n%.800s", name, fmt.Sprint(wrong))
			}
		}
	}
	for name := range leaves() {
		if all && !seen[name] && unscripted[name] == "" {
			t.Errorf("no script shows the result of `clinicgate %s --json`", name)
		}
	}
}

// TestResults: the forms of all results are those that are kept.
func TestResults(t *testing.T) {
	t.Parallel()
	kept := map[string]bool{}
	for name := range leaves() {
		forms := []any{}
		for _, r := range results[name] {
			forms = append(forms, documentOf(r))
		}
		if len(forms) == 0 {
			if unscripted[name] == "" {
				t.Errorf("`clinicgate %s --json` has no form", name)
			}
			continue
		}
		var want bytes.Buffer
		e := json.NewEncoder(&want)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		for _, f := range forms {
			if err := e.Encode(f); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join("testdata", "json", strings.ReplaceAll(name, " ", "-")+".json")
		kept[path] = true
		if *update {
			if err := os.WriteFile(path, want.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("the result of `clinicgate %s --json` changed, or %s is missing (%v): write it with -update when no member went or changed its meaning; it is now\n%s", name, path, err, want.Bytes())
		}
	}
	for _, path := range glob(t, "testdata/json/*.json") {
		if !kept[path] {
			t.Errorf("%s is of no command", path)
		}
	}
}
