// Package mqtt reads what devices on MQTT say and tells them what to do: topics
// and payloads, not brokers, which are gateway/bridge's.
//
// It promises two kinds of devices. Those of our own scheme speak JSON on
// clinic/{site}/{kiosk}/{class}/{device}/{state,event,command,ack} (Station, Topic).
// Those of other makers are read by a table of rules (Rule, Read): what a rule does not
// describe is no fact and no error. Ready makes the rules of known publishers by name.
// A configured Device is there once it says anything and lost when it, or its will,
// says so; an Output's command goes to the broker by which the device was heard last,
// and is done when the device has answered, once per id. Lamps, sounders and doors of
// other makers (Makers) are switched on and off in their words, and what is to end by
// itself (a pulse, an open door) is ended from here, however long that takes while the
// gateway runs. Size, nesting and number of what is read are bounded before anything is
// built from it. Numbers stay the text that came: 36.60 does not become 36.6.
//
// It refuses to guess: a word that no rule lists means nothing, a device without a
// name is nobody's, a retained message is not an event, because it is not known
// when it happened. Commands have closed schemas without a place for a person.
//
//	topic, payload --own scheme-----------------------> Station --> Device --> Sink
//	               --Rule: device, path, words--> Fact ----^           +--> Health
//	                                                                   +--> Vitals
//	Output.Do --command--> device --ack--> Station --> Do returns
//
// After a crash there is nothing to recover: what was not durable was not
// acknowledged and comes again; a press that was durable already is the same call
// for help while that is on, and, where it has a uuid, for as long as the store knows
// that. Which devices are there is learned anew from their
// retained state, or from what they say next.
//
// The words of the ready tables are from the publishers' documentation, not from
// recordings: Zigbee2MQTT ("action", "occupancy", "battery", "linkquality",
// "update"; its availability topic in both forms), Tasmota (LWT, RESULT with
// SetOption73 or SetOption114, STATE, INFO1), Homie ($state of convention 4 and 5;
// $fw of the extension for firmware; nodes named button, motion and battery; "/set" of
// a boolean property). Homie asks for QoS 2 on "/set"; ours is 1, because saying "on"
// twice changes nothing.
//
// BUG: a friendly name of Zigbee2MQTT that has a slash is two levels, and no rule
// of the ready table covers it.
//
// BUG: a door of another maker stands open if the gateway is killed within the five
// seconds that it opens it, or ends while the door's broker is away. Where the device has a time of its own (Tasmota's
// PulseTime, a lock that locks itself), set it.
//
// BUG: other makers' events have no id, and a seq alone is one for a minute (a device
// counts anew after its battery was changed), so that one that comes twice, later or
// over a restart of the gateway, counts twice. For a help button and for presence that changes
// nothing while the first one is on.
package mqtt
