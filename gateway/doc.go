// Package gateway puts the parts together and keeps them running.
//
// It promises that every part is either running or its end ends the process
// with a reason, so that the service manager notices; that a stop gives each
// part its time and no more; and that the store is open, or a person is told
// why not, before the page says anything.
//
// It refuses to hold rules of its own: what a message means is in kiosk, what is
// durable in storage, how PubNub is spoken in gateway/pubnub. Here is only who
// calls whom.
//
//	devices --scan--> kiosk/web --> kiosk/checkin --> storage.Update
//	MQTT ---bridge--> intake ---------------------------^   |
//	PubNub --downlink--> apply -------------------------^   v
//	PubNub <--uplink-- outbox            board, desk, control, mirror <-- Watch
//	site's broker <--exchange--> outbox, apply: the same messages, without internet
package gateway
