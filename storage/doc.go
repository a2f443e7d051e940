// Package storage is the durable log of the gateway: streams of sealed events,
// the outbox cursors over them, views, and an audit log of all of it, in one
// bbolt file. It knows streams, not patients.
package storage
