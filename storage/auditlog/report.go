package auditlog

import (
	"fmt"
	"slices"
)

// maxProblems bounds a report: a log with more is not repaired by a longer list.
const maxProblems = 100

// Report is what Verify found.
type Report struct {
	Origin      string `json:"origin"`
	Records     uint64 `json:"records"`    // items seen
	Pruned      uint64 `json:"pruned"`     // of them only the leaf hash is kept
	Unreadable  uint64 `json:"unreadable"` // of them do not open
	Declared    uint64 `json:"declared"`   // lost, as a later log's opening says
	Size        uint64 `json:"size"`       // where the log ends
	Last        Hash   `json:"last"`       // newest leaf hash
	Root        Hash   `json:"root"`       // zero where a hole leaves it unknown
	Checkpoints int    `json:"checkpoints"`
	Unchecked   int    `json:"unchecked"` // checkpoints that a hole left without a tree to compare
	Checked     uint64 `json:"checked"`   // records covered by the newest matching checkpoint
	// BadCheckpoints did not verify: damaged, of another log or by another key.
	BadCheckpoints int       `json:"badCheckpoints"`
	Problems       []Problem `json:"problems,omitempty"`
	More           int       `json:"more,omitempty"` // problems left off
}

// OK reports whether every record is vouched for and every checkpoint verifies.
func (r Report) OK() bool { return len(r.Problems) == 0 && r.BadCheckpoints == 0 }

// First is the problem that begins at the lowest index. Every record below it
// is vouched for.
func (r Report) First() (Problem, bool) {
	if len(r.Problems) == 0 {
		return Problem{}, false
	}
	return slices.MinFunc(r.Problems, func(a, b Problem) int {
		switch {
		case a.From < b.From:
			return -1
		case a.From > b.From:
			return 1
		}
		return 0
	}), true
}

// Problem is a range of records that do not stand.
type Problem struct {
	Kind   Kind   `json:"kind"`
	From   uint64 `json:"from"` // first bad record
	To     uint64 `json:"to"`   // first record after the range
	Detail string `json:"detail"`
}

func (p Problem) String() string {
	if p.To <= p.From+1 {
		return fmt.Sprintf("record %d %s: %s", p.From, p.Kind, p.Detail)
	}
	return fmt.Sprintf("records %d to %d %s: %s", p.From, p.To-1, p.Kind, p.Detail)
}

// Kind is the class of a problem.
type Kind string

// The kinds of problem.
const (
	Altered      Kind = "altered"      // its bytes are not those that were logged
	Missing      Kind = "missing"      // deleted from inside
	Extra        Kind = "extra"        // inserted, repeated or out of order
	Unreadable   Kind = "unreadable"   // present, but does not open
	Truncated    Kind = "truncated"    // cut from the end
	Contradicted Kind = "contradicted" // consistent in itself, but another history than the one signed
)

func (v *verifier) problem(kind Kind, from, to uint64, detail string) {
	if n := len(v.report.Problems); n > 0 && v.report.Problems[n-1].is(kind, from, to) {
		return // a second witness against the same record
	}
	if len(v.report.Problems) >= maxProblems {
		v.report.More++
		return
	}
	v.report.Problems = append(v.report.Problems, Problem{kind, from, to, detail})
}

func (p Problem) is(kind Kind, from, to uint64) bool {
	return p.Kind == kind && p.From == from && p.To == to
}
