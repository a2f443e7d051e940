package control

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os/user"
	"regexp"
	"slices"
	"strings"

	"clinicgate/gateway/config"
	"clinicgate/kiosk"
)

// Roles is a set of roles.
type Roles uint8

// The roles, each a set of one.
const (
	KioskSession Roles = 1 << iota // shows the check-in page
	Desk                           // sees and calls patients
	Technician                     // looks at everything technical, tests devices
	Admin                          // keys, store and all the others may
	// PINs gives staff new PINs. No account has it: it is taken, see [BreakGlass].
	PINs
)

var roleNames = []struct {
	role Roles
	name string
}{{KioskSession, "kiosk-session"}, {Desk, "desk"}, {Technician, "technician"}, {Admin, "admin"}, {PINs, "pins"}}

// String lists the roles: "desk, technician".
func (r Roles) String() string {
	var names []string
	for _, n := range roleNames {
		if r&n.role != 0 {
			names = append(names, n.name)
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// Caller is who asks for something.
type Caller struct {
	Actor kiosk.Actor
	Roles Roles // with those taken in an emergency
	Own   Roles // without
}

// Peer is the account at the other end of a connection, as the operating system
// tells it.
type Peer struct {
	User   string   // uid or SID
	Name   string   // account name; the uid or SID where the system knows none
	Groups []string // gids or SIDs
	Owner  bool     // the system's administrator, or the account that this process runs as
}

// resolver gives the uid, gid or SID of a principal of the config.
type resolver func(config.Principal) (id string, ok bool)

// rolesOf gives the roles of an account. An account whose name the system does
// not know has none.
func rolesOf(p Peer, cfg config.Roles, resolve resolver) Roles {
	var roles Roles
	if p.Owner {
		roles = Admin
	}
	for _, row := range []struct {
		role       Roles
		principals []config.Principal
	}{{Admin, cfg.Admin}, {Technician, cfg.Technician}, {Desk, cfg.Desk}, {KioskSession, cfg.KioskSession}} {
		for _, principal := range row.principals {
			id, ok := resolve(principal)
			if !ok {
				continue
			}
			if !principal.Group && id == p.User {
				roles |= row.role
			}
			for _, g := range p.Groups {
				if principal.Group && id == g {
					roles |= row.role
				}
			}
		}
	}
	return roles
}

// Unknown lists the accounts and groups of the config that the system does not know, as
// the config writes them: nobody has their role. The usual account of the kiosk session
// is there only where a package made it.
func Unknown(cfg config.Control) (list []string) {
	all := slices.Concat(cfg.Roles.Admin, cfg.Roles.Technician, cfg.Roles.Desk, cfg.Roles.KioskSession)
	if cfg.Group != "" {
		all = append(all, config.Principal{Group: true, Name: cfg.Group})
	}
	usual := config.Default().Control.Roles.KioskSession
	for _, p := range all {
		if _, ok := resolvePrincipal(p); ok || slices.Contains(usual, p) {
			continue
		}
		if text := p.String(); !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	return list
}

// callerOf names the account in the form that events carry.
func callerOf(p Peer, roles Roles) Caller {
	kind := kiosk.ActorStaff
	if roles == KioskSession {
		kind = kiosk.ActorKiosk
	}
	return Caller{Actor: kiosk.Actor{Kind: kind, ID: actorID(p.Name)}, Roles: roles, Own: roles}
}

// Needs refuses a caller who has none of some roles.
func (c Caller) Needs(roles Roles) error {
	if c.Roles&roles == 0 {
		return lacks(c.Actor.ID, roles)
	}
	return nil
}

func lacks(account string, roles Roles) error {
	return &Error{Code: Denied, Message: fmt.Sprintf("account %s has not one of the roles %s", account, roles),
		Next: "an administrator gives roles to accounts and groups under [control.roles] in the config"}
}

// ThisCaller gives who runs this process, with the roles that the service would give,
// for what is done while no service runs. Whom the data folder belongs to is admin, as
// the service's account is.
func ThisCaller(cfg config.Roles, folder string) (Caller, error) {
	p, err := thisPeer(folder)
	if err != nil {
		return Caller{}, err
	}
	return callerOf(p, rolesOf(p, cfg, resolvePrincipal)), nil
}

// ThisAccount names who runs this process, for what is done while no service runs.
func ThisAccount() kiosk.Actor {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return kiosk.Actor{Kind: kiosk.ActorStaff, ID: actorID(name)}
}

var notInID = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// actorID writes an account name as an id. What had to be changed for that gets
// a mark, so that "j.doe" and "j_doe" stay two people.
func actorID(name string) string {
	id := notInID.ReplaceAllString(name, "_")
	if id == name && len(id) <= 40 && id != "" {
		return id
	}
	sum := sha256.Sum256([]byte(name))
	return id[:min(len(id), 31)] + "-" + hex.EncodeToString(sum[:4])
}
