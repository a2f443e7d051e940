// Package control is the local channel between the running service and the
// subcommands: versioned JSON over HTTP on a unix socket or a Windows named
// pipe.
//
// It promises that who asks is known from the operating system, never from what
// they say; that each endpoint answers only the roles that its row in the table
// (endpoint.go) names; that every act reaches the backend with its actor; that
// bodies, connections and waiting are bounded; and that long work reports
// progress and ends when the caller goes away.
//
// A role that is taken in an emergency (break-glass) adds to these for a while; each
// use of it is on record before it is done.
//
// It refuses passwords, tokens and TCP: a port can be reached from a browser or
// the network. It refuses to print or log what is in a body, since bodies hold
// rosters and keys. It does no work itself: the composition plugs in a [Backend].
//
//	clinicgate queue call A-017
//	   └─ Client ── POST /v1/queue/call {"entry":"A-017"} ──▶ socket or pipe
//	                                                            │ peer credentials
//	                                                            ▼
//	                              account, groups ──config──▶ roles ──table──▶ allowed?
//	                                                            │
//	                                                            ▼
//	        {"entry":...} or {"error":{code,message,hint}} ◀── Backend.Queue.Call(ctx, Caller, ...)
//
// Requests without parameters are GET, all others POST with a JSON object. A
// stream answers with one JSON object a line: {"progress":...} any number of
// times, then {"result":...} or {"error":...}.
//
// Groups come from the connection (SO_PEERGROUPS) on Linux and from the client's
// token on Windows, so they are those that the process has, from whatever
// directory they came. Names in the config are resolved by Go's os/user, which
// in a build without cgo reads the local files: for accounts of a network
// directory write the number, "group:10513".
//
// After a crash a socket file stays behind; the next start removes it when
// nobody answers on it. What an unanswered act did is told by asking again:
// acts are idempotent in the backend.
package control
