package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"clinicgate/gateway/config"
)

// Guarded is a file or folder that others must not get at.
type Guarded struct {
	Path string
	Mode fs.FileMode // the most that it may allow
	Uses fs.FileMode // what the service does with it: bits of one account, as in a mode
}

// GuardedFiles lists what a kiosk has to keep from other accounts. configFile may
// be empty.
func GuardedFiles(c config.Config, configFile string) []Guarded {
	list := []Guarded{{c.Storage.Dir, 0o750, 0o7}}
	if configFile != "" {
		list = append(list, Guarded{configFile, 0o644, 0o4})
	}
	if c.KeySource.Kind == config.KeySourceCredential {
		list = append(list, Guarded{c.KeySource.File, 0o644, 0}) // sealed as it is; whoever reads it has nothing
	} else if c.KeySource.File != "" {
		list = append(list, Guarded{c.KeySource.File, 0o640, 0o4})
	}
	for _, secret := range []string{c.PubNub.TokenFile, c.PubNub.ProxyCredentialsFile, c.Desk.Key, c.MQTT.LANKey, c.MQTT.BrokerKey, c.MQTT.BrokerCredentials} {
		if secret != "" {
			list = append(list, Guarded{secret, 0o640, 0o4})
		}
	}
	if filepath.IsAbs(c.Control.Path) && runtime.GOOS != "windows" { // there it is a pipe
		list = append(list, Guarded{c.Control.Path, 0o660, 0})
	}
	inside, _ := filepath.Glob(filepath.Join(c.Storage.Dir, "*"))
	for _, path := range inside {
		if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
			list = append(list, Guarded{path, 0o640, 0o6})
		}
	}
	return list
}

// Loose is a guarded file that more accounts get at than should.
type Loose struct {
	Guarded
	Found string // what is wrong, as the system writes it
}

// FilePerms looks who may read or change what must be kept from others.
func FilePerms(files func() []Guarded) Check {
	return Check{ID: "file-perms", Run: func(context.Context) Result {
		loose, unseen := LooseFiles(files())
		switch {
		case len(loose) > 0:
			detail := fmt.Sprintf("%s can be reached by other accounts (%s)", loose[0].Path, loose[0].Found)
			if n := len(loose) - 1; n > 0 {
				detail += fmt.Sprintf(", and %d more", n)
			}
			return Result{Fail, detail, "`clinicgate doctor --fix file-perms`"}
		case unseen > 0:
			return Result{State: Skipped, Detail: fmt.Sprintf("this account may not look at %d of the files", unseen)}
		}
		return Result{State: OK, Detail: "keys, tokens, config and store are kept from other accounts"}
	}}
}

// ControlRoles looks whether the accounts and groups that may ask the service are there.
// unknown names those that the system does not know.
func ControlRoles(unknown func() []string) Check {
	return Check{ID: "control-roles", Run: func(context.Context) Result {
		if list := unknown(); len(list) > 0 {
			return Result{Warn, "the system does not know who may ask the service: " + strings.Join(list, ", "), "create the group or account, or correct [control.roles] and control.group in the config"}
		}
		return Result{State: OK, Detail: "the accounts and groups that may ask the service are there"}
	}}
}

// FileOwner looks, from outside, whether the service's account may use its own files:
// what root puts back from a copy is root's.
func FileOwner(files func() []Guarded, query Manager) Check {
	return Check{ID: "file-owner", DependsOn: []string{"svc-installed"}, Run: func(ctx context.Context) Result {
		s, err := query(ctx)
		if err != nil || !s.Installed || s.Account == "" || administrators[s.Account] {
			return Result{State: Skipped, Detail: "it is not installed as a service with its own account, or the manager does not tell"}
		}
		may, err := rightsOf(s.Account)
		if err != nil {
			return Result{State: Skipped, Detail: "this system does not tell what " + s.Account + " may do"}
		}
		unseen := 0
		for _, f := range files() {
			switch rights, err := may(f.Path); {
			case errors.Is(err, fs.ErrPermission):
				unseen++
			case err == nil && rights&f.Uses != f.Uses:
				return Result{Fail, "the service runs as " + s.Account + " and may not use " + f.Path, "`chown " + s.Account + ": " + f.Path + "`, then `clinicgate service restart`; what root has copied back is root's"}
			}
		}
		if unseen > 0 {
			return Result{State: Skipped, Detail: fmt.Sprintf("this account may not look at %d of the files", unseen)}
		}
		return Result{State: OK, Detail: "the service may use its files"}
	}}
}

// LooseFiles finds those that other accounts get at, and counts those that this
// account may not look at.
func LooseFiles(files []Guarded) (loose []Loose, unseen int) {
	for _, f := range files {
		found, err := reachable(f)
		switch {
		case errors.Is(err, fs.ErrPermission):
			unseen++
		case err == nil && found != "":
			loose = append(loose, Loose{f, found})
		}
	}
	return loose, unseen
}

// Aside looks for damaged stores that were set aside in a folder.
func Aside(folder string) Check {
	return Check{ID: "store-aside", DependsOn: []string{"store-recovered"}, Run: func(context.Context) Result {
		list, err := os.ReadDir(folder)
		if errors.Is(err, fs.ErrPermission) {
			return Result{State: Skipped, Detail: "this account may not look at the data folder"}
		}
		if len(list) > 0 {
			return Result{Warn, fmt.Sprintf("damaged files of the store that were set aside: %d", len(list)),
				"copy " + folder + " off this kiosk for whoever looks into it, then empty it; check the disk"}
		}
		return Result{State: OK, Detail: "no damaged file was set aside"}
	}}
}

// KeyCopies looks whether both copies of the keyring can be read.
func KeyCopies(sound func() bool) Check {
	return Check{ID: "key-copies", Run: func(context.Context) Result {
		if !sound() {
			return Result{Warn, "one of the two copies of the keyring is missing, damaged or older", "restart the service: it writes it anew; then check the disk"}
		}
		return Result{State: OK, Detail: "both copies of the keyring are whole"}
	}}
}
