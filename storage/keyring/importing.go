package keyring

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const maxImport = 1 << 20

// importForm is a secret as a person or the authority writes it.
type importForm struct {
	Kind  Kind      `json:"kind"`
	ID    string    `json:"id"`
	Owner string    `json:"owner"`
	Value string    `json:"value"` // text kinds: as it is; others: standard base64
	From  Timetoken `json:"from"`
	Until Timetoken `json:"until"`
}

// ParseSecrets reads secrets to import: one JSON object
//
//	{"kind":"pubnub-cipher","id":"2026-q1","value":"...","from":"17356896000000000","until":""}
//
// or an array of them. Values of pubnub-cipher are text, all others base64. Its
// errors name kinds and ids, never values, and are ErrSecret.
func ParseSecrets(r io.Reader) ([]Named, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxImport+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read keys to import: %w", err)
	}
	defer clear(raw)
	if len(raw) > maxImport {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrSecret, maxImport)
	}
	raw = bytes.TrimSpace(raw)
	var forms []importForm
	if len(raw) > 0 && raw[0] == '{' {
		forms = make([]importForm, 1)
		err = strictJSON(raw, &forms[0])
	} else {
		err = strictJSON(raw, &forms)
	}
	if err != nil {
		return nil, hint(fmt.Errorf("%w: %w", ErrSecret, err), `want {"kind":…,"id":…,"value":…,"from":…,"until":…} or an array of such objects`)
	}
	var out []Named
	for i, f := range forms {
		s, err := f.secret()
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		out = append(out, s)
	}
	return out, nil
}

func (f importForm) secret() (Named, error) {
	rule, ok := f.Kind.rule()
	if !ok || !rule.imported {
		// What stands there is not repeated: who took the members for each other has
		// written a key.
		return Named{}, fmt.Errorf("%w: its kind cannot be imported", ErrSecret)
	}
	value := []byte(f.Value)
	if !rule.text {
		var err error
		if value, err = base64.StdEncoding.Strict().AppendDecode(nil, value); err != nil {
			return Named{}, fmt.Errorf("%w: value of kind %s is not base64", ErrSecret, f.Kind)
		}
	}
	s := stored{Kind: f.Kind, ID: f.ID, Owner: f.Owner, Value: value, From: f.From, Until: f.Until}
	if rule.public && s.ID == "" && len(value) > 0 {
		s.ID = Fingerprint(value)
	}
	if err := s.validate(); err != nil {
		return Named{}, err
	}
	defer clear(value)
	return s.secret(), nil
}

// strictJSON decodes one value with no unknown member and nothing after it. Its
// errors never quote the input, which holds secrets.
func strictJSON(raw []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return fmt.Errorf("not JSON at byte %d", syntax.Offset)
		}
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return fmt.Errorf("member %q has the wrong type", kind.Field)
		}
		return errors.New("incomplete JSON, an unknown member or a malformed time")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text after the JSON value")
	}
	return nil
}
