package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"clinicgate/gateway/config"
)

// ConfigParse looks whether the config file can be used, and the files that it
// names. What another check tells of more exactly is left to it: who may read a
// secret, a token that is not there, a folder of lists, certificates.
func ConfigParse(path string) Check {
	return Check{ID: "cfg-parse", Run: func(context.Context) Result {
		const hint = "`clinicgate config check` explains the file line by line"
		if path == "" {
			return Result{State: Skipped, Detail: "the service has no config file"}
		}
		c, err := config.Load(path)
		if err == nil {
			err = c.CheckFiles()
		}
		problems, _ := errors.AsType[config.Problems](err)
		// Who may read the secret files is a check of its own.
		problems = slices.DeleteFunc(problems, func(p config.Problem) bool {
			return strings.HasPrefix(p.Hint, "chmod ") || slices.Contains([]string{"pubnub.token_file", "roster.folder", "desk.certificate", "key_source.file"}, p.Path) && p.Line == 0
		})
		switch {
		case len(problems) > 0:
			detail := problems[0].Error()
			if n := len(problems) - 1; n > 0 {
				detail += fmt.Sprintf(", and %d more", n)
			}
			return Result{Fail, detail, hint}
		case err != nil && !isProblems(err):
			return Result{Fail, err.Error(), "see that " + path + " is there and this account may read it; --config names another"}
		}
		return Result{State: OK, Detail: path + " is in order"}
	}}
}

// ConfigHidden stands for ConfigParse where this account may not read the file, which
// says nothing about the kiosk: the service has an account of its own.
func ConfigHidden(path string) Check {
	return Check{ID: "cfg-parse", Run: func(context.Context) Result {
		return Result{State: Skipped, Detail: "this account may not read " + path + "; root or an administrator may look"}
	}}
}

func isProblems(err error) bool {
	_, ok := errors.AsType[config.Problems](err)
	return ok
}

// ConfigApplied looks whether the service runs with what the config file at path
// says now. An empty path: it was started with settings of no file.
func ConfigApplied(path string, running config.Config) Check {
	return Check{ID: "cfg-applied", DependsOn: []string{"cfg-parse"}, Run: func(context.Context) Result {
		if path == "" {
			return Result{State: Skipped, Detail: "the service has no config file"}
		}
		file, err := config.Load(path)
		if err != nil {
			return Result{State: Skipped, Detail: "the file cannot be used"}
		}
		is, err1 := running.Fingerprints()
		will, err2 := file.Fingerprints()
		if err := errors.Join(err1, err2); err != nil {
			return Result{Fail, "settings cannot be compared: " + err.Error(), "report this with the version from `clinicgate version`"}
		}
		var changed []string
		for _, name := range slices.Sorted(maps.Keys(will)) {
			if is[name] != will[name] {
				changed = append(changed, name)
			}
		}
		if len(changed) > 0 {
			return Result{Warn, "changed in the file since the service started: " + strings.Join(changed, ", "), "restart the service when no patient is at the kiosk"}
		}
		return Result{State: OK, Detail: "the service runs with what the file says"}
	}}
}

// LogLevel looks whether the log was left at a level that the config does not want.
func LogLevel(is func() string, wanted string) Check {
	return Check{ID: "log-level", Run: func(context.Context) Result {
		if now := is(); now != "" && !strings.EqualFold(now, wanted) {
			return Result{Warn, "the log is at level " + strings.ToLower(now) + ", the config wants " + wanted, "`clinicgate doctor --fix log-level`, or `clinicgate log level " + wanted + "`"}
		}
		return Result{State: OK, Detail: "the log is at the level that the config wants"}
	}}
}
