package session

import (
	"fmt"
	"strconv"
	"strings"
)

// A registryKey is a key of HKEY_LOCAL_MACHINE with what it is to hold.
type registryKey struct {
	path   string
	own    bool // all of it is ours, and it is not there where it holds nothing; else others' values are beside ours
	values []registryValue
}

// registryValue is a text, or a number where the text is empty.
type registryValue struct {
	name   string
	text   string
	number uint32
}

// ownProgram is what no clinic's own policy names.
const ownProgram = "clinicgate.exe"

// programs whose memory holds what patients say.
var programs = [...]string{"msedge.exe", "chrome.exe", ownProgram}

// registryKeys is the table of policies for Edge and Chrome on Windows, with error
// reports off. Windows dumps a program's memory only where a key below LocalDumps says
// so, whatever is in that: there is none.
//
// The first says that the others are here, since it names this program: it is written
// first, and goes last.
func registryKeys(origin string) (all []registryKey) {
	const reports = `SOFTWARE\Microsoft\Windows\Windows Error Reporting\`
	excluded := registryKey{path: reports + "ExcludedApplications"}
	for _, program := range programs {
		excluded.values = append(excluded.values, registryValue{name: program, number: 1})
	}
	all = append(all, excluded)
	for _, of := range []struct {
		family family
		path   string
	}{{edge, `SOFTWARE\Policies\Microsoft\Edge`}, {chromiums, `SOFTWARE\Policies\Google\Chrome`}} {
		single := registryKey{path: of.path}
		var lists []registryKey
		for _, p := range policies(origin) {
			if p.only != "" && p.only != of.family {
				continue
			}
			switch v := p.value.(type) {
			case bool:
				var n uint32
				if v {
					n = 1
				}
				single.values = append(single.values, registryValue{name: p.name, number: n})
			case int:
				single.values = append(single.values, registryValue{name: p.name, number: uint32(v)})
			case []string:
				list := registryKey{path: of.path + `\` + p.name, own: true}
				for i, text := range v {
					list.values = append(list.values, registryValue{name: strconv.Itoa(i + 1), text: text})
				}
				lists = append(lists, list)
			default:
				panic(fmt.Sprintf("session: a policy is a %T", v))
			}
		}
		all = append(append(all, single), lists...)
	}
	for _, program := range programs {
		all = append(all, registryKey{path: reports + `LocalDumps\` + program, own: true})
	}
	return all
}

// Registry is the table as a .reg file.
func Registry(origin string) string {
	var b strings.Builder
	b.WriteString("Windows Registry Editor Version 5.00\n")
	for _, k := range registryKeys(origin) {
		path := `HKEY_LOCAL_MACHINE\` + k.path
		b.WriteString("\n")
		if k.own {
			fmt.Fprintf(&b, "[-%s]\n", path)
		}
		if len(k.values) > 0 {
			fmt.Fprintf(&b, "[%s]\n", path)
		}
		for _, v := range k.values {
			if v.text != "" {
				fmt.Fprintf(&b, "%q=%q\n", v.name, v.text)
			} else {
				fmt.Fprintf(&b, "%q=dword:%08x\n", v.name, v.number)
			}
		}
	}
	return strings.ReplaceAll(b.String(), "\n", "\r\n")
}
