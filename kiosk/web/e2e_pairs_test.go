//go:build e2e

package web_test

import (
	"slices"
	"testing"
)

// factor is something that may be one way or another on any screen.
type factor struct {
	name   string
	levels []string
}

// pairwise gives rows of levels, one for each factor, in which every two levels of
// different factors meet at least once, and every level of the first factor meets
// every one of the second in a row of its own, in order: a walk through all screens
// in each language.
func pairwise(factors []factor) [][]int {
	met := map[[4]int]bool{}
	pairs := func(row []int, do func([4]int)) {
		for i := range row {
			for j := range i {
				if row[i] >= 0 && row[j] >= 0 {
					do([4]int{j, row[j], i, row[i]})
				}
			}
		}
	}
	// choose fills the open places of a row with the levels that bring most.
	choose := func(row []int) []int {
		for i := range row {
			if row[i] >= 0 {
				continue
			}
			best, most := 0, -1
			for level := range factors[i].levels {
				row[i] = level
				n := 0
				pairs(row, func(p [4]int) {
					if (p[0] == i || p[2] == i) && !met[p] {
						n++
					}
				})
				if n > most {
					best, most = level, n
				}
			}
			row[i] = best
		}
		pairs(row, func(p [4]int) { met[p] = true })
		return row
	}
	open := func() []int { return slices.Repeat([]int{-1}, len(factors)) }
	var rows [][]int
	for b := range factors[1].levels {
		for a := range factors[0].levels {
			row := open()
			row[0], row[1] = a, b
			rows = append(rows, choose(row))
		}
	}
	for i := range factors {
		for j := range i {
			for x := range factors[i].levels {
				for y := range factors[j].levels {
					if met[[4]int{j, y, i, x}] {
						continue
					}
					row := open()
					row[i], row[j] = x, y
					rows = append(rows, choose(row))
				}
			}
		}
	}
	return rows
}

// everything gives all rows.
func everything(factors []factor) [][]int {
	rows := [][]int{nil}
	for _, f := range factors {
		var next [][]int
		for _, row := range rows {
			for level := range f.levels {
				next = append(next, append(slices.Clone(row), level))
			}
		}
		rows = next
	}
	return rows
}

func TestPairwise(t *testing.T) {
	factors := []factor{{"a", make([]string, 7)}, {"b", make([]string, 5)}, {"c", make([]string, 3)}, {"d", make([]string, 5)}, {"e", make([]string, 4)}}
	rows := pairwise(factors)
	met := map[[4]int]bool{}
	for _, row := range rows {
		for i := range row {
			for j := range i {
				met[[4]int{j, row[j], i, row[i]}] = true
			}
		}
	}
	want := 0
	for i := range factors {
		for j := range i {
			want += len(factors[i].levels) * len(factors[j].levels)
		}
	}
	if len(met) != want {
		t.Errorf("%d of %d pairs meet", len(met), want)
	}
	if len(rows) > 7*5*3/2 {
		t.Errorf("%d rows", len(rows))
	}
	if n := len(everything(factors)); n != 7*5*3*5*4 {
		t.Errorf("all rows are %d", n)
	}
}
