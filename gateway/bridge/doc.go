// Package bridge connects the MQTT devices of the waiting room, and the kiosks of
// a site with each other. It is the only package that speaks MQTT.
//
// It promises that a QoS 1 message is acknowledged only after what it says is
// durable, on both ways in: the embedded Broker holds the PUBACK while the intake
// runs and gives none when it fails, so that the device sends again; the Client of
// an external broker acknowledges by hand, in the order of arrival, and leaves
// what failed to the broker's persistent session. Messages of a topic are handled
// in order, those of different topics at once. What the Broker published before its end
// is written before its end, unless a client does not take it for half a second.
// Everything that others can make grow has a bound: connections in all, per address
// and half open, packets, payloads, sessions, subscriptions, messages retained and under way, logins that
// fail, and how often an id may come back. Whoever is refused is counted
// (BrokerStatus), and doctor tells of it.
//
// It refuses clients from the network without TLS and a proof of their own (a
// credential or a certificate in their name), any client's writing outside its
// own topics (its will included) and reading beyond what is meant for it, a
// retained message that is not a device's state, an external broker in the clear,
// and anything about a person on a topic. It keeps no queue: a second one beside
// the durable store would be a place where a message is lost after its
// acknowledgement.
//
//	device --PUBLISH clinic/{site}/{kiosk}/{class}/{device}/event--> Broker --> intake --> Append
//	device <--PUBACK---------------------------------------------------- durable <----------+
//
//	Mosquitto --PUBLISH--> Client: line of 256 --lane per topic--> handler --> Append
//	Mosquitto <--PUBACK----------- line, in order of arrival <-- durable <--------+
//
// After a crash the embedded broker knows no session and no retained message;
// devices reconnect and send again what was not acknowledged. An external broker
// sends again what was not acknowledged; what was durable comes twice then, and
// the intake knows it by the id in the message.
//
// BUG: paho and the gateway speak MQTT 3.1.1 to an external broker, which gives no
// reason when it ends a connection. That somebody else has our client id is
// guessed from connections that end soon, several in a row.
//
// BUG: a device with keep-alive 0 that vanishes without a word holds its place
// until the system's own TCP keep-alive finds out, some minutes later.
package bridge
