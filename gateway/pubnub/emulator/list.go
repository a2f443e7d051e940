package emulator

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// row is one record of a list: whole for filter and sort, and as it is shown.
type row struct {
	full, view fields
}

// list filters, sorts and cuts a page. Pages are named by opaque strings that
// hold an offset.
func list(q *request, rows []row) reply {
	if text := q.query["filter"]; text != "" {
		f, err := parseFilter(text)
		if err != nil {
			return refuseObject(http.StatusBadRequest, "Invalid filter", "objects", "filter", "query")
		}
		rows = slices.DeleteFunc(rows, func(r row) bool { return !f.selects(r.full) })
	}
	sortRows(rows, splitPlain(q.query["sort"]))
	limit := q.number("limit", maxPage, 1, maxPage)
	from, ok := parsePage(q.query["start"])
	if end := q.query["end"]; ok && end != "" && q.query["start"] == "" {
		from, ok = parsePage(end)
		limit, from = min(limit, from), max(0, from-limit)
	}
	if !ok {
		return refuseObject(http.StatusBadRequest, "Invalid page", "objects", "start", "query")
	}
	from = min(from, len(rows))
	to := min(from+limit, len(rows))
	data := []fields{}
	for _, r := range rows[from:to] {
		data = append(data, r.view)
	}
	body := fields{"status": http.StatusOK, "data": data}
	if q.flag("count") {
		body["totalCount"] = len(rows)
	}
	if to < len(rows) {
		body["next"] = pageName(to)
	}
	if from > 0 {
		body["prev"] = pageName(from)
	}
	return answer(http.StatusOK, body)
}

func pageName(offset int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(offset)))
}

func parsePage(name string) (int, bool) {
	if name == "" {
		return 0, true
	}
	text, err := base64.RawURLEncoding.DecodeString(name)
	n, err2 := strconv.Atoi(string(text))
	return n, err == nil && err2 == nil && n >= 0
}

// sortRows orders by fields such as "name", "updated:desc" or "channel.name".
func sortRows(rows []row, by []string) {
	slices.SortStableFunc(rows, func(a, b row) int {
		for _, rule := range by {
			name, direction, _ := strings.Cut(rule, ":")
			path := strings.Split(name, ".")
			x, _ := at(a.full, path)
			y, _ := at(b.full, path)
			order, ok := ordered(x, y)
			switch {
			case x == nil && y == nil:
				order = 0
			case x == nil:
				order = 1 // what is not set comes last
			case y == nil:
				order = -1
			case !ok:
				order = 0
			}
			if direction == "desc" {
				order = -order
			}
			if order != 0 {
				return order
			}
		}
		return 0
	})
}
