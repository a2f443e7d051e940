package consent

// Keep and ParseKept are what is sealed of a signature.
func (g Signature) Keep() []byte { return g.keep() }

func ParseKept(b []byte) (Signature, error) { return parseKept(b) }
