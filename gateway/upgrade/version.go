package upgrade

import (
	"regexp"
	"strconv"
	"strings"
)

// between is the version that Go gives a program of a commit without a tag,
// "v0.0.0-20261122212000-79faff9abcde"; packages call the same
// "0.0.0+20261122212000.79faff9abcde".
var between = regexp.MustCompile(`^(\d+\.\d+\.\d+)-(\d{14})-([0-9a-f]{12})(\+dirty)?$`)

// plain gives a version the form that packages have.
func plain(version string) string {
	version = strings.TrimPrefix(version, "v")
	if m := between.FindStringSubmatch(version); m != nil {
		dirty := ""
		if m[4] != "" {
			dirty = "dirty."
		}
		return m[1] + "+" + dirty + m[2] + "." + m[3]
	}
	return version
}

// compare gives -1, 0 or 1 as version a is older than, the same as or newer than b.
// A part after ~ comes before the release, one after + behind it, as Debian and RPM
// have it. What is no version, such as a build of a working copy, is older than all.
func compare(a, b string) int {
	na, resta, oka := numbers(plain(a))
	nb, restb, okb := numbers(plain(b))
	switch {
	case !oka && !okb:
		return 0
	case !oka:
		return -1
	case !okb:
		return 1
	}
	for i := range na {
		if na[i] != nb[i] {
			return sign(na[i] - nb[i])
		}
	}
	if ra, rb := rank(resta), rank(restb); ra != rb {
		return sign(ra - rb)
	}
	return strings.Compare(resta, restb)
}

func numbers(version string) (n [3]int, rest string, ok bool) {
	if at := strings.IndexAny(version, "+~-"); at >= 0 {
		version, rest = version[:at], version[at:]
	}
	parts := strings.Split(version, ".")
	if len(parts) != len(n) {
		return n, "", false
	}
	for i, p := range parts {
		v, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return n, "", false
		}
		n[i] = int(v)
	}
	return n, rest, true
}

func rank(rest string) int {
	switch {
	case rest == "":
		return 0
	case rest[0] == '+':
		return 1
	}
	return -1
}

func sign(n int) int { return min(1, max(-1, n)) }
