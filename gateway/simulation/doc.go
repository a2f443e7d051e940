// Package simulation holds no code: its tests run whole clinics in virtual time.
//
// A run is one seed. It has one to four kiosks, each with its real store,
// keyring, queue, check-in, consents, roster, clock, uplink and downlink, around
// a PubNub in memory that stands above the gateway/pubnub interface. Patients
// check in, the desk and providers act, on several kiosks at once and while the
// kiosks cannot hear each other; and all the while things go wrong as the seed
// says:
//
//	network   requests and replies lost, repeated, late, slow; live delivery lost
//	          and out of order; history that shows a message late; phases of 403,
//	          429 and 5xx; outages of minutes to days, kiosk by kiosk
//	machine   clean restarts, kills, reboots; clocks of 1970, of next year, hours
//	          off, stepping between starts; no trusted time until the network is back
//	disk      slow commits, commits whose outcome is unknown, a fenced store
//	people    a provider's own app that signs nothing; forged, altered, misplaced
//	          and replayed messages
//
// When the faults have ended and everything is quiet, an oracle that looked at
// each store from outside, and at PubNub, compares (oracle_test.go): every event
// that a store acknowledged is with PubNub once after de-duplication by (kiosk,
// id), in order within (kiosk, inc, channel); every kiosk holds every believed
// event of the others once; the loss equation holds; the queues of all kiosks
// are equal, down to order, conflicts and tickets; nothing forged took effect;
// every audit log verifies; and the desk can still act on every entry.
//
// # Running it
//
//	go test ./gateway/simulation                     40 seeds
//	make sim                                         1,000 seeds; SIM_SEEDS=n for another number
//	go test ./gateway/simulation -run Simulation -seed 17 -v    one seed, with its story
//
// A seed stands for the plan: what the network, the machines and the people do
// and when, drawn before anything runs. Each fault of a request is drawn from
// the seed, the kiosk and the request's count on its channel, and the product's
// own randomness (jitter, ids) is seeded too, so that a failing seed fails again;
// only what happens at one instant of virtual time may come in another order.
//
// # A day in the clinic
//
// TestDayInTheClinic is one ordinary bad day on the same parts: 300 patients with a
// will of their own, eight providers of whom one comes an hour late, three
// departments, two kiosks that are cut off, restarted and killed. Nobody may be
// forgotten, called by mistake or overtaken beyond the bound, and the waits that were
// told are compared with those that came; -v prints the figures. make sim runs one
// day for every 50 seeds.
//
// What is not here: the SDK and sockets (gateway/pubnub), power cuts and damage
// (make crash), the mirror of metadata, and the child that verifies a file.
package simulation
