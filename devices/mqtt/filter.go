package mqtt

import "strings"

// MaxTopic bounds a topic and a topic filter in bytes.
const MaxTopic = 256

// Covers reports whether an MQTT topic filter matches a topic, or all that a
// narrower filter matches: "+" is one level, "#" at the end is all that follow
// (MQTT 3.1.1, 4.7). Topics that begin with $ are the broker's own and match no
// filter that begins with a wildcard.
func Covers(filter, topic string) bool {
	if strings.HasPrefix(topic, "$") && !strings.HasPrefix(filter, "$") {
		return false
	}
	for {
		f, restOfFilter, moreFilter := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		t, restOfTopic, moreTopic := strings.Cut(topic, "/")
		if f != t && (f != "+" || t == "#") {
			return false
		}
		if !moreTopic {
			return !moreFilter || restOfFilter == "#"
		}
		if !moreFilter {
			return false
		}
		filter, topic = restOfFilter, restOfTopic
	}
}

// ValidFilter reports whether a text can be subscribed to.
func ValidFilter(filter string) bool {
	if filter == "" || len(filter) > MaxTopic || strings.ContainsRune(filter, 0) {
		return false
	}
	levels := strings.Split(filter, "/")
	for i, l := range levels {
		if strings.Contains(l, "#") && (l != "#" || i < len(levels)-1) || strings.Contains(l, "+") && l != "+" {
			return false
		}
	}
	return true
}
