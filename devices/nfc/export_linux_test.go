//go:build e2e

package nfc

import "slices"

// CardThere asks the smart card service itself whether a card is in one of its slots.
func CardThere(socket string) (bool, error) {
	s, err := openService(socket)
	if err != nil {
		return false, err
	}
	defer s.close()
	slots, err := s.slots()
	return slices.ContainsFunc(slots, func(s slot) bool { return s.card }), err
}
