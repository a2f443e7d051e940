package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"

	"clinicgate/gateway/config"
)

// pipeAccess is reading and writing without FILE_CREATE_PIPE_INSTANCE, which
// GENERIC_WRITE would include: nobody else may put up a pipe of our name.
const pipeAccess = windows.FILE_GENERIC_READ | windows.FILE_GENERIC_WRITE&^windows.FILE_APPEND_DATA

// listen makes the pipe. It is not open to the network; every account of this
// machine may connect, and the roles decide what it may do.
func listen(cfg config.Control) (net.Listener, error) {
	self, err := ownSID()
	if err != nil {
		return nil, err
	}
	l, err := winio.ListenPipe(cfg.Path, &winio.PipeConfig{
		SecurityDescriptor: fmt.Sprintf("D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;%s)(A;;0x%x;;;AU)", self, pipeAccess),
		InputBufferSize:    64 << 10,
		OutputBufferSize:   64 << 10,
	})
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) || errors.Is(err, os.ErrExist) {
		return nil, &Error{Code: Conflict, Message: "another process has the pipe " + cfg.Path, Next: "`clinicgate status` shows whether it is a clinicgate; stop it first"}
	}
	return l, err
}

func dial(ctx context.Context, path string) (net.Conn, error) {
	// Identification: the service learns who this is and cannot act as us, also
	// where somebody else put up a pipe of this name.
	return winio.DialPipeAccessImpLevel(ctx, path, pipeAccess, winio.PipeImpLevelIdentification)
}

func ownSID() (string, error) {
	u, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return "", err
	}
	return u.User.Sid.String(), nil
}

// whoMayOpen tells an account that may not open the pipe whom it lets in.
func whoMayOpen(string) string { return "ask an administrator" }

// peerOf takes the client's identity from its token. It works once something
// was read from the pipe.
func peerOf(c net.Conn) (Peer, error) {
	pipe, ok := c.(interface{ Fd() uintptr })
	if !ok {
		return Peer{}, fmt.Errorf("no client token on a %T", c)
	}
	token, err := clientToken(windows.Handle(pipe.Fd()))
	if err != nil {
		return Peer{}, err
	}
	defer token.Close()
	return peerOfToken(token)
}

// thisPeer is this process, as peerOf would see it; no folder makes it more.
func thisPeer(string) (Peer, error) {
	p, err := peerOfToken(windows.GetCurrentProcessToken())
	if err == nil {
		p.Owner = windows.GetCurrentProcessToken().IsElevated()
	}
	return p, err
}

func peerOfToken(token windows.Token) (Peer, error) {
	self, err := ownSID()
	if err != nil {
		return Peer{}, err
	}
	u, err := token.GetTokenUser()
	if err != nil {
		return Peer{}, err
	}
	groups, err := token.GetTokenGroups()
	if err != nil {
		return Peer{}, err
	}
	system, err := windows.CreateWellKnownSid(windows.WinLocalSystemSid)
	if err != nil {
		return Peer{}, err
	}
	admins, err := windows.CreateWellKnownSid(windows.WinBuiltinAdministratorsSid)
	if err != nil {
		return Peer{}, err
	}
	p := Peer{User: u.User.Sid.String(), Name: u.User.Sid.String()}
	p.Owner = p.User == self || u.User.Sid.Equals(system)
	if account, domain, _, err := u.User.Sid.LookupAccount(""); err == nil {
		p.Name = domain + `\` + account
	}
	for _, g := range groups.AllGroups() {
		// A group for denying only (an administrator who is not elevated) gives
		// no right.
		if g.Attributes&windows.SE_GROUP_ENABLED == 0 || g.Attributes&windows.SE_GROUP_USE_FOR_DENY_ONLY != 0 {
			continue
		}
		p.Groups = append(p.Groups, g.Sid.String())
		p.Owner = p.Owner || g.Sid.Equals(admins)
	}
	return p, nil
}

// clientToken takes the token of the pipe's client. A thread that cannot go back
// to being itself is left to die with its goroutine.
func clientToken(pipe windows.Handle) (token windows.Token, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		impersonate := windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient")
		if ok, _, callErr := impersonate.Call(uintptr(pipe)); ok == 0 {
			err = os.NewSyscallError("ImpersonateNamedPipeClient", callErr)
			runtime.UnlockOSThread()
			return
		}
		err = windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token)
		if revertErr := windows.RevertToSelf(); revertErr != nil {
			err = errors.Join(err, revertErr)
			return
		}
		runtime.UnlockOSThread()
	}()
	<-done
	return token, err
}

// resolvePrincipal gives the SID of a name. A SID stands for itself.
func resolvePrincipal(p config.Principal) (string, bool) {
	if strings.HasPrefix(p.Name, "S-1-") {
		return p.Name, true
	}
	sid, _, kind, err := windows.LookupSID("", p.Name)
	if err != nil {
		return "", false
	}
	isUser := kind == windows.SidTypeUser
	if p.Group == isUser {
		return "", false
	}
	return sid.String(), true
}
