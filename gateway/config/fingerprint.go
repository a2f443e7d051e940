package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Fingerprints gives a hash of each section of the settings in effect, by its name, so
// that a later start can tell what was changed, and keeps none of the values.
func (c Config) Fingerprints() (map[string]string, error) {
	out := map[string]string{}
	for field, v := range reflect.ValueOf(c).Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("toml"), ",")
		text, err := toml.Marshal(map[string]any{name: v.Interface()})
		if err != nil {
			return nil, fmt.Errorf("cannot write section %s of the config: %w", name, err)
		}
		sum := sha256.Sum256(text)
		out[name] = hex.EncodeToString(sum[:12])
	}
	return out, nil
}
