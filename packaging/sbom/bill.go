package sbom

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A Product is what the bill is for.
type Product struct {
	Version string
	Target  string // "linux/amd64"
	SHA256  []byte // of the program
	Made    time.Time
}

type bill struct {
	Format   string      `json:"bomFormat"`
	Spec     string      `json:"specVersion"`
	Serial   string      `json:"serialNumber"`
	Version  int         `json:"version"`
	Metadata metadata    `json:"metadata"`
	Parts    []component `json:"components"`
	Depends  []depends   `json:"dependencies"`
}

type metadata struct {
	Time    string    `json:"timestamp"`
	Product component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version,omitempty"`
	Hashes     []hashed   `json:"hashes,omitempty"`
	Licenses   []licensed `json:"licenses,omitempty"`
	Purl       string     `json:"purl,omitempty"`
	Properties []property `json:"properties,omitempty"`
}

type hashed struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type licensed struct {
	License license `json:"license"`
}

type license struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"` // where SPDX has no id
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type depends struct {
	Ref string   `json:"ref"`
	On  []string `json:"dependsOn"`
}

func licence(id string) []licensed {
	if strings.HasPrefix(id, "LicenseRef-") {
		return []licensed{{license{Name: id}}}
	}
	return []licensed{{license{ID: id}}}
}

// Bill writes the components of a product as CycloneDX 1.5 JSON
// (https://cyclonedx.org/docs/1.5/json/).
func Bill(p Product, components []Component) ([]byte, error) {
	self := component{
		Type: "application", Ref: "clinicgate", Name: "clinicgate", Version: p.Version, Licenses: licence("Apache-2.0"),
		Hashes:     []hashed{{"SHA-256", hex.EncodeToString(p.SHA256)}},
		Properties: []property{{"clinicgate:target", p.Target}},
	}
	b := bill{Format: "CycloneDX", Spec: "1.5", Version: 1,
		Serial:   "urn:uuid:" + uuid.NewHash(sha256.New(), uuid.NameSpaceURL, append([]byte("clinicgate sbom "+p.Version+" "+p.Target+" "), p.SHA256...), 5).String(),
		Metadata: metadata{p.Made.UTC().Format(time.RFC3339), self},
	}
	on := []string{}
	for _, c := range components {
		part := component{Type: "library", Ref: c.Name, Name: c.Name, Version: c.Version, Licenses: licence(c.Licence)}
		switch {
		case c.Sum != "":
			part.Properties = []property{{"go:sum", c.Sum}}
			part.Purl = "pkg:golang/" + c.Name + "@" + c.Version
		case c.Name == "std":
			part.Purl = "pkg:golang/std@" + c.Version
		default:
			part.Type = "data"
		}
		b.Parts = append(b.Parts, part)
		on = append(on, c.Name)
	}
	b.Depends = []depends{{"clinicgate", on}}
	text, err := json.MarshalIndent(b, "", "  ")
	return append(text, '\n'), err
}

// Texts writes the licences and notices of all components, each text once, under
// the names of those that it is for.
func Texts(components []Component) string {
	var order []string
	of := map[string][]string{}
	for _, c := range components {
		for _, t := range c.Texts {
			if of[t] == nil {
				order = append(order, t)
			}
			of[t] = append(of[t], strings.TrimSpace(c.Name+" "+c.Version))
		}
	}
	var b strings.Builder
	b.WriteString("The licences and notices of what clinicgate is linked from.\nclinicgate's own are in LICENSE and NOTICE.\n")
	for _, t := range order {
		fmt.Fprintf(&b, "\n%s\n%s\n\n%s\n", strings.Repeat("=", 72), strings.Join(slices.Compact(of[t]), "\n"), t)
	}
	return b.String()
}

// ofl reads the licence of the fonts.
func ofl(folder string) ([]string, string, error) {
	text, err := os.ReadFile(filepath.Join(folder, "OFL.txt"))
	if err != nil {
		return nil, "", err
	}
	return []string{strings.TrimSpace(string(text))}, identify(string(text)), nil
}
