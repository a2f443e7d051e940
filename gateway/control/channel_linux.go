package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"clinicgate/gateway/config"
)

// listen makes the socket. The folder keeps accounts out that are not in the
// service's group; the roles decide about those that are.
func listen(cfg config.Control) (net.Listener, error) {
	gid := -1
	if cfg.Group != "" {
		id, ok := resolvePrincipal(config.Principal{Group: true, Name: cfg.Group})
		if !ok {
			return nil, &Error{Code: Failed, Message: "no such group: " + cfg.Group, Next: "create the group, or correct control.group in the config"}
		}
		gid, _ = strconv.Atoi(id)
	}
	if err := makeFolder(filepath.Dir(cfg.Path), gid); err != nil {
		return nil, err
	}
	if err := removeStale(cfg.Path); err != nil {
		return nil, err
	}
	l, err := net.Listen("unix", cfg.Path)
	if err != nil {
		return nil, err
	}
	// Until here the socket has the mode that the umask gave it: whoever gets
	// in meanwhile is still asked for a role.
	err = os.Chmod(cfg.Path, 0o660)
	if gid >= 0 {
		err = errors.Join(err, os.Chown(cfg.Path, -1, gid))
	}
	if err != nil {
		_ = l.Close()
		return nil, err
	}
	return l, nil
}

// makeFolder makes the socket's own folder. One that is there already keeps its
// mode: it may hold other things.
func makeFolder(folder string, gid int) error {
	if err := os.MkdirAll(filepath.Dir(folder), 0o755); err != nil {
		return err
	}
	err := os.Mkdir(folder, 0o750)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil && gid >= 0 {
		err = os.Chown(folder, -1, gid)
	}
	return err
}

// removeStale removes the socket of a service that is gone, and refuses to take
// it from one that answers.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return &Error{Code: Failed, Message: path + " is not a socket", Next: "remove the file, or choose another control.path in the config"}
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = c.Close()
		return &Error{Code: Conflict, Message: "another service answers on " + path, Next: "`clinicgate status` shows which; stop it first"}
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "unix", path)
}

// whoMayOpen tells an account that may not open the socket whom it lets in.
func whoMayOpen(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		info, err = os.Stat(filepath.Dir(path)) // it may be shut
	}
	if err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Gid != 0 {
			name := strconv.FormatUint(uint64(stat.Gid), 10)
			if group, err := user.LookupGroupId(name); err == nil {
				name = group.Name
			}
			return "an administrator lets it with `usermod -aG " + name + " ACCOUNT`, from its next login on; control.roles says what it may do there"
		}
	}
	return "ask an administrator, or run this as root"
}

// peerOf asks the kernel who connected. The answer was fixed at connect, so it
// cannot be changed by what the process does afterwards.
func peerOf(c net.Conn) (Peer, error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return Peer{}, fmt.Errorf("no peer credentials on a %T", c)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var cred *unix.Ucred
	var groups []uint32
	var credErr, groupErr error
	err = raw.Control(func(fd uintptr) {
		cred, credErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		groups, groupErr = peerGroups(int(fd))
	})
	if err := errors.Join(err, credErr, groupErr); err != nil {
		return Peer{}, err
	}
	p := Peer{User: strconv.Itoa(int(cred.Uid)), Owner: cred.Uid == 0 || int(cred.Uid) == os.Geteuid()}
	for _, g := range append(groups, cred.Gid) {
		p.Groups = append(p.Groups, strconv.FormatUint(uint64(g), 10))
	}
	p.Name = "uid-" + p.User
	if account, err := user.LookupId(p.User); err == nil {
		p.Name = account.Username
	}
	return p, nil
}

// thisPeer is this process, as peerOf would see it.
func thisPeer(folder string) (Peer, error) {
	info, err := os.Stat(folder)
	if err != nil {
		return Peer{}, err
	}
	groups, err := os.Getgroups()
	if err != nil {
		return Peer{}, err
	}
	uid := os.Geteuid()
	owner, known := info.Sys().(*syscall.Stat_t)
	p := Peer{User: strconv.Itoa(uid), Name: "uid-" + strconv.Itoa(uid), Owner: uid == 0 || known && int(owner.Uid) == uid}
	for _, g := range append(groups, os.Getegid()) {
		p.Groups = append(p.Groups, strconv.Itoa(g))
	}
	if account, err := user.LookupId(p.User); err == nil {
		p.Name = account.Username
	}
	return p, nil
}

// peerGroups gives the supplementary groups of the peer (SO_PEERGROUPS, Linux
// 4.13). x/sys has no call for it.
func peerGroups(fd int) ([]uint32, error) {
	groups := make([]uint32, 64)
	for range 2 {
		size := uint32(len(groups) * 4)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch {
		case errno == 0:
			return groups[:size/4], nil
		case errno == unix.ERANGE && size <= 65536*4: // size now says how much there is
			groups = make([]uint32, size/4+1)
		default:
			return nil, os.NewSyscallError("getsockopt SO_PEERGROUPS", errno)
		}
	}
	return nil, errors.New("groups of the peer do not fit")
}

// resolvePrincipal gives the uid or gid of a name. A number stands for itself.
func resolvePrincipal(p config.Principal) (string, bool) {
	if n, err := strconv.ParseUint(p.Name, 10, 32); err == nil {
		return strconv.FormatUint(n, 10), true
	}
	if p.Group {
		g, err := user.LookupGroup(p.Name)
		if err != nil {
			return "", false
		}
		return g.Gid, true
	}
	u, err := user.Lookup(p.Name)
	if err != nil {
		return "", false
	}
	return u.Uid, true
}
