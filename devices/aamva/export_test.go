package aamva

// ParseTolerant reads a licence as if it did not keep to the standard.
func ParseTolerant(raw []byte) (Card, error) { return parseTolerant(raw) }

// Date reads a date in either order.
func Date(s string) (string, bool) { return date(s, anyOrder) }
