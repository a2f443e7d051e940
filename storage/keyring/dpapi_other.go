//go:build !windows

package keyring

import (
	"context"
	"errors"

	"clinicgate/storage/seal"
)

// DPAPI is a Source of Windows; elsewhere it is refused by name, so that a keyring
// that was copied from Windows says what it misses.
type DPAPI struct{}

var errNoDPAPI = hint(errors.New("DPAPI is a source of Windows"), "open the store on its own machine, or with the clinic's recovery key")

// Name gives "dpapi".
func (DPAPI) Name() string { return "dpapi" }

// Strength gives StrengthOS.
func (DPAPI) Strength() Strength { return StrengthOS }

// Setup refuses.
func (DPAPI) Setup(context.Context) (seal.Key, []byte, error) { return seal.Key{}, nil, errNoDPAPI }

// Unseal refuses.
func (DPAPI) Unseal(context.Context, []byte) (seal.Key, error) { return seal.Key{}, errNoDPAPI }
