// Package bridge connects the MQTT devices of the waiting room.
//
// It promises that a device's QoS 1 message is acknowledged only after what it
// says is durable: the broker holds the PUBACK while the intake runs, and gives
// none when it fails, so that the device sends again. A device publishes only
// below its own id, and everything a client can make grow (connections,
// packets, sessions, retained messages, subscriptions) has a bound.
//
// It refuses to listen beyond loopback, where every client would need TLS and a
// credential of its own, and to carry anything about a person on a topic.
//
//	device --PUBLISH clinic/{site}/{kiosk}/{class}/{device}/event--> intake --> Append
//	device <--PUBACK------------------------------------------------ durable <---+
//
// After a crash the broker knows no session and no retained message; devices
// reconnect and send again what was not acknowledged.
package bridge
