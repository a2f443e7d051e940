package doctor

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
)

// Way is the way to PubNub, as the config says.
type Way struct {
	Origin      string // host or host:port
	Secure      bool   // TLS
	Proxy       string // its address, empty for none
	NoProxy     []string
	Credentials func() (user, password string) // of the proxy; nil for none
	CAFile      string
	Now         func() time.Time // trusted as well as it is known, for certificates
}

// host and port of the origin.
func (w Way) host() string { h, _ := w.parts(); return h }

func (w Way) parts() (host, port string) {
	if h, p, err := net.SplitHostPort(w.Origin); err == nil {
		return h, p
	}
	if w.Secure {
		return w.Origin, "443"
	}
	return w.Origin, "80"
}

// proxy gives the proxy that the origin is reached by, or nil.
func (w Way) proxy() *url.URL {
	if w.Proxy == "" {
		return nil
	}
	u, err := (&httpproxy.Config{HTTPProxy: w.Proxy, HTTPSProxy: w.Proxy, NoProxy: strings.Join(w.NoProxy, ",")}).ProxyFunc()(&url.URL{Scheme: "https", Host: w.Origin})
	if err != nil {
		return nil
	}
	return u
}

// first gives the host that is connected to: the proxy's or the origin's.
func (w Way) first() string {
	if p := w.proxy(); p != nil {
		return p.Hostname()
	}
	return w.host()
}

// NetLink looks for an interface by which another machine could be reached.
func NetLink(w Way, interfaces func() ([]net.Interface, error)) Check {
	return Check{ID: "net-link", Online: true, Run: func(ctx context.Context) Result {
		if here(ctx, w.first()) {
			return Result{State: Skipped, Detail: "the way out is on this machine"}
		}
		list, err := interfaces()
		if err != nil {
			return Result{State: Skipped, Detail: "the system does not list its network interfaces"}
		}
		var down []string
		for _, i := range list {
			if i.Flags&net.FlagLoopback != 0 {
				continue
			}
			if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagRunning == 0 {
				down = append(down, i.Name)
				continue
			}
			addresses, _ := i.Addrs()
			for _, a := range addresses {
				if ip, ok := a.(*net.IPNet); ok && ip.IP.IsGlobalUnicast() {
					return Result{State: OK, Detail: i.Name + " is up and has an address"}
				}
			}
			down = append(down, i.Name+" (no address)")
		}
		if len(down) == 0 {
			return Result{Fail, "this machine has no network interface", "plug in the network adapter; is its driver there?"}
		}
		return Result{Fail, "no network interface is connected: " + strings.Join(down, ", "), "plug in the network cable, or join the Wi-Fi; without an address, look at the DHCP server"}
	}}
}

// here reports whether a host is this machine, as far as that is known quickly.
func here(ctx context.Context, host string) bool {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.IsLoopback()
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	list, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	for _, a := range list {
		if !a.IsLoopback() {
			return false
		}
	}
	return err == nil && len(list) > 0
}

// NetDNS looks up the first name on the way.
func NetDNS(w Way) Check {
	return Check{ID: "net-dns", Online: true, DependsOn: []string{"net-link"}, Run: func(ctx context.Context) Result {
		name := w.first()
		if _, err := netip.ParseAddr(name); err == nil {
			return Result{State: Skipped, Detail: "the way out has an address and no name"}
		}
		list, err := net.DefaultResolver.LookupHost(ctx, name)
		if err == nil {
			return Result{State: OK, Detail: name + " is " + strings.Join(list[:min(2, len(list))], ", ")}
		}
		where := ""
		if servers := nameServers(); len(servers) > 0 {
			where = " (asked: " + strings.Join(servers, ", ") + ")"
		}
		dns, _ := errors.AsType[*net.DNSError](err)
		if dns != nil && dns.IsNotFound {
			return Result{Fail, "the name server knows no " + name + where, "check pubnub.origin and pubnub.proxy in the config; a name server that filters must let this name pass"}
		}
		return Result{Fail, "no name server answers" + where, "check the DNS server of this machine: DHCP gives it, or the network settings"}
	}}
}

// nameServers lists those of resolv.conf(5), where the system has it.
func nameServers() (list []string) {
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	for l := range strings.Lines(string(text)) {
		if f := strings.Fields(l); len(f) > 1 && f[0] == "nameserver" && len(list) < 3 {
			list = append(list, f[1])
		}
	}
	return list
}

// NetCaptive asks over plain HTTP: a network that wants people to sign in answers
// in PubNub's place.
func NetCaptive(w Way) Check {
	return Check{ID: "net-captive", Online: true, DependsOn: []string{"net-dns"}, Run: func(ctx context.Context) Result {
		switch {
		case !w.Secure:
			return Result{State: Skipped, Detail: "PubNub is reached without encryption, on this machine"}
		case w.proxy() != nil:
			return Result{State: Skipped, Detail: "PubNub is reached by a proxy"}
		}
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.Origin+"/time/0", nil)
		if err != nil {
			return Result{State: Skipped, Detail: "pubnub.origin is no host"}
		}
		// A client of its own: no proxy, no cookie, no redirect, no connection kept.
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		answer, err := client.Do(req)
		if err != nil {
			return Result{State: OK, Detail: "nobody answers over plain HTTP"}
		}
		defer answer.Body.Close()
		const hint = "sign in to the network's page with a browser on this machine, or have IT let this kiosk pass without"
		if to, err := answer.Location(); err == nil && answer.StatusCode/100 == 3 && to.Hostname() != w.host() {
			return Result{Fail, "the network answers in PubNub's place and sends to " + to.Hostname(), hint}
		}
		if answer.StatusCode == http.StatusNetworkAuthenticationRequired || answer.StatusCode == http.StatusOK && strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
			return Result{Fail, "the network answers in PubNub's place with a page of its own", hint}
		}
		return Result{State: OK, Detail: "nobody answers in PubNub's place"}
	}}
}

// NetProxy asks the proxy for a way to PubNub.
func NetProxy(w Way) Check {
	return Check{ID: "net-proxy", Online: true, DependsOn: []string{"net-dns"}, Run: func(ctx context.Context) Result {
		if w.proxy() == nil {
			detail := "no proxy is configured"
			for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
				if os.Getenv(name) != "" {
					detail += "; the environment names one, which the service does not use"
					break
				}
			}
			return Result{State: Skipped, Detail: detail}
		}
		conn, err := w.dial(ctx)
		if err == nil {
			_ = conn.Close()
			return Result{State: OK, Detail: "the proxy opens a way to PubNub"}
		}
		if refused, ok := errors.AsType[proxyStatus](err); ok {
			if refused == http.StatusProxyAuthRequired {
				return Result{Fail, "the proxy wants a user and a password, or other ones", "write user:password into the file that pubnub.proxy_credentials_file names; it is read again by itself"}
			}
			return Result{Fail, fmt.Sprintf("the proxy refuses a way to %s (status %d)", w.Origin, int(refused)), "have IT allow " + w.host() + " on the proxy, for CONNECT"}
		}
		return Result{Fail, "the proxy " + w.proxy().Host + " does not answer", "check pubnub.proxy in the config, and that the proxy runs"}
	}}
}

// NetPort connects to PubNub's port.
func NetPort(w Way) Check {
	return Check{ID: "net-port", Online: true, DependsOn: []string{"net-dns", "net-captive"}, Run: func(ctx context.Context) Result {
		if w.proxy() != nil {
			return Result{State: Skipped, Detail: "PubNub is reached by a proxy"}
		}
		_, port := w.parts()
		conn, err := w.dial(ctx)
		if err == nil {
			_ = conn.Close()
			return Result{State: OK, Detail: "port " + port + " is open outward"}
		}
		how := "nobody answers on port " + port + " of " + w.host()
		if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
			how = "what is sent to port " + port + " of " + w.host() + " disappears"
		}
		return Result{Fail, how, "have IT allow TCP " + port + " outward from this kiosk to " + w.host() + ", or set pubnub.proxy"}
	}}
}

// NetTLS makes an encrypted connection and judges the certificate as the service
// does.
func NetTLS(w Way) Check {
	return Check{ID: "net-tls", Online: true, DependsOn: []string{"net-captive", "net-proxy", "net-port"}, Run: func(ctx context.Context) Result {
		if !w.Secure {
			return Result{State: Skipped, Detail: "PubNub is reached without encryption, on this machine"}
		}
		roots, err := w.roots()
		if err != nil {
			return Result{Fail, "pubnub.ca_file cannot be used: " + plain(err), "name a file with certificates in PEM form that the service's account may read"}
		}
		conn, err := w.dial(ctx)
		if err != nil {
			return Result{Fail, "the connection broke: " + errWord(err), "try again; look at the firewall"}
		}
		defer conn.Close()
		var chain []*x509.Certificate
		// The chain is judged below and not by the library, so that its issuer can be
		// named. Nothing is sent over this connection.
		secured := tls.Client(conn, &tls.Config{ServerName: w.host(), MinVersion: tls.VersionTLS12, InsecureSkipVerify: true,
			VerifyConnection: func(s tls.ConnectionState) error { chain = s.PeerCertificates; return nil }})
		err = secured.HandshakeContext(ctx)
		if len(chain) == 0 {
			detail := "the encrypted connection does not come about: " + errWord(err)
			if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
				detail = "what answers in PubNub's place does not speak TLS"
			}
			return Result{Fail, detail, "a firewall stands between: have IT let TLS to " + w.host() + " pass unchanged"}
		}
		others := x509.NewCertPool()
		for _, c := range chain[1:] {
			others.AddCert(c)
		}
		_, err = chain[0].Verify(x509.VerifyOptions{DNSName: w.host(), Roots: roots, Intermediates: others, CurrentTime: w.Now()})
		return w.judge(chain, err)
	}}
}

func (w Way) judge(chain []*x509.Certificate, err error) Result {
	leaf := chain[0]
	issuer := issuerOf(chain)
	invalid, _ := errors.AsType[x509.CertificateInvalidError](err)
	_, wrongName := errors.AsType[x509.HostnameError](err)
	switch {
	case err == nil:
		return Result{State: OK, Detail: "the certificate was issued by " + issuer}
	case wrongName:
		return Result{Fail, "another server answers in PubNub's place: its certificate is for " + strings.Join(leaf.DNSNames[:min(3, len(leaf.DNSNames))], ", "), "check pubnub.origin in the config, and the name server"}
	case invalid.Cert != nil && invalid.Reason == x509.Expired:
		return Result{Fail, fmt.Sprintf("the certificate holds from %s to %s, and it is %s here", leaf.NotBefore.Format(time.DateOnly), leaf.NotAfter.Format(time.DateOnly), w.Now().Format(time.DateOnly)),
			"if that date is wrong, set this machine's clock; else whoever runs the server or the proxy must renew the certificate (issuer: " + issuer + ")"}
	}
	return Result{Fail, "somebody on the way opens the encrypted connection: the certificate was issued by " + issuer,
		"have IT exempt " + w.host() + " from TLS inspection; or set pubnub.ca_file to the certificate of that issuer"}
}

// issuerOf names who issued a chain, in printable words.
func issuerOf(chain []*x509.Certificate) string {
	name := chain[len(chain)-1].Issuer
	text := name.CommonName
	if len(name.Organization) > 0 && name.Organization[0] != text {
		text += " (" + name.Organization[0] + ")"
	}
	if text = strings.TrimSpace(text); text == "" {
		return "somebody without a name"
	}
	return fmt.Sprintf("%.120q", text)
}

func (w Way) roots() (*x509.CertPool, error) {
	if w.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(w.CAFile)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("it holds no certificate in PEM form")
	}
	return roots, nil
}

// proxyStatus is a proxy's refusal, by its HTTP status.
type proxyStatus int

func (s proxyStatus) Error() string { return fmt.Sprintf("proxy answered %d", int(s)) }

// dial connects to the origin, through the proxy where there is one.
func (w Way) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	host, port := w.parts()
	origin := net.JoinHostPort(host, port)
	proxy := w.proxy()
	if proxy == nil {
		return d.DialContext(ctx, "tcp", origin)
	}
	address := proxy.Host
	if proxy.Port() == "" {
		address = net.JoinHostPort(proxy.Hostname(), map[string]string{"http": "80", "https": "443"}[proxy.Scheme])
	}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	if proxy.Scheme == "https" {
		roots, err := w.roots()
		if err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		conn = tls.Client(conn, &tls.Config{ServerName: proxy.Hostname(), RootCAs: roots, MinVersion: tls.VersionTLS12, Time: w.Now})
	}
	if err := w.connect(ctx, conn, origin); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// connect asks a proxy for a way (RFC 9110, 9.3.6).
func (w Way) connect(ctx context.Context, conn net.Conn, origin string) error {
	if at, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(at)
		defer func() { _ = conn.SetDeadline(time.Time{}) }()
	}
	ask := &http.Request{Method: http.MethodConnect, URL: &url.URL{Opaque: origin}, Host: origin, Header: http.Header{}}
	if w.Credentials != nil {
		user, password := w.Credentials()
		ask.Header.Set("Proxy-Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+password)))
	}
	if err := ask.Write(conn); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, 16<<10)), ask)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return proxyStatus(answer.StatusCode)
	}
	return nil
}

// errWord says what a connection died of, without addresses.
func errWord(err error) string {
	if timeout, ok := errors.AsType[net.Error](err); errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout() {
		return "no answer in time"
	}
	if errors.Is(err, io.EOF) {
		return "it was closed"
	}
	return "it was broken off"
}
