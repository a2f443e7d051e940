package gateway

// ownedAs does nothing: what is made below a folder inherits its access list.
func ownedAs(string) error { return nil }
