package pubnub

// The parsers of outside bytes, for fuzzing.
var (
	ParseAccepted = parseAccepted
	ParseTime     = parseTime
	ParseMetadata = parseMetadata
	ParseHereNow  = parseHereNow
)

func ParseBatch(body []byte) ([]Message, error) {
	b, err := parseBatch(body)
	return b.messages, err
}

func ParseHistory(body []byte) ([]Message, error) {
	list, _, err := parseHistory(body, "c")
	return list, err
}
