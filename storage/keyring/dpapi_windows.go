package keyring

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"

	"clinicgate/storage/seal"
)

// DPAPI is a Source that Windows seals to this machine (CryptProtectData with
// CRYPTPROTECT_LOCAL_MACHINE), so that an administrator can make the keyring for the
// service's account. The sealed key and its entropy are parameters of the keyring:
// its folder's access list keeps other accounts of the machine out, and the sealing
// whoever takes the disk.
type DPAPI struct{}

type dpapiParams struct {
	Entropy []byte `json:"entropy"`
	Sealed  []byte `json:"sealed"`
}

const (
	maxDPAPI     = 8 << 10
	entropyBytes = 32
)

// Name gives "dpapi".
func (DPAPI) Name() string { return "dpapi" }

// Strength gives StrengthOS.
func (DPAPI) Strength() Strength { return StrengthOS }

// Setup seals a new root key.
func (DPAPI) Setup(context.Context) (seal.Key, []byte, error) {
	root := seal.NewKey()
	p := dpapiParams{Entropy: make([]byte, entropyBytes)}
	_, _ = rand.Read(p.Entropy) // never fails
	sealed, err := dpapi(root.Reveal(), p.Entropy, func(in, entropy, out *windows.DataBlob) error {
		return windows.CryptProtectData(in, nil, entropy, 0, nil, windows.CRYPTPROTECT_LOCAL_MACHINE|windows.CRYPTPROTECT_UI_FORBIDDEN, out)
	})
	if err != nil {
		return seal.Key{}, nil, fmt.Errorf("cannot seal with DPAPI: %w", err)
	}
	p.Sealed = sealed
	text, err := json.Marshal(p)
	return root, text, err
}

// Unseal opens it, on the machine that sealed it.
func (DPAPI) Unseal(_ context.Context, text []byte) (seal.Key, error) {
	var p dpapiParams
	if err := json.Unmarshal(text, &p); err != nil {
		return seal.Key{}, fmt.Errorf("cannot read DPAPI parameters: %w", err)
	}
	if len(p.Entropy) != entropyBytes || len(p.Sealed) == 0 || len(p.Sealed) > maxDPAPI {
		return seal.Key{}, fmt.Errorf("DPAPI parameters of %d and %d bytes", len(p.Entropy), len(p.Sealed))
	}
	raw, err := dpapi(p.Sealed, p.Entropy, func(in, entropy, out *windows.DataBlob) error {
		return windows.CryptUnprotectData(in, nil, entropy, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, out)
	})
	if err != nil {
		return seal.Key{}, hint(fmt.Errorf("cannot unseal with DPAPI: %w", err), "this is another machine or a new Windows: open the store with the clinic's recovery key")
	}
	defer clear(raw)
	return seal.KeyFrom(raw)
}

// dpapi calls one of the two functions and copies what Windows allocated.
func dpapi(in, entropy []byte, call func(in, entropy, out *windows.DataBlob) error) ([]byte, error) {
	var out windows.DataBlob
	err := call(&windows.DataBlob{Size: uint32(len(in)), Data: &in[0]}, &windows.DataBlob{Size: uint32(len(entropy)), Data: &entropy[0]}, &out)
	if err != nil {
		return nil, err
	}
	raw := unsafe.Slice(out.Data, out.Size)
	got := append([]byte(nil), raw...)
	clear(raw)
	_, err = windows.LocalFree(windows.Handle(unsafe.Pointer(out.Data)))
	return got, err
}
