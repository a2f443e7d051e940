package doctor

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// HoldersOf finds other programs that have a file open, as far as this account may
// see.
func HoldersOf(path string) []Process {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil
	}
	return having(func(link string) bool { return link == real })
}

// ListenersOn finds the programs that listen on the port of an address.
func ListenersOn(address string) []Process {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil
	}
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} { // proc_pid_net(5)
		text, _ := os.ReadFile(table)
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", n)) {
				sockets["socket:["+f[9]+"]"] = true
			}
		}
	}
	if len(sockets) == 0 {
		return nil
	}
	return having(func(link string) bool { return sockets[link] })
}

// having finds the other programs of which an open file is wanted.
func having(wanted func(link string) bool) (list []Process) {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	seen := map[int]bool{os.Getpid(): true}
	for _, l := range links {
		pid, err := strconv.Atoi(strings.Split(l, "/")[2])
		if err != nil || seen[pid] {
			continue
		}
		if to, err := os.Readlink(l); err == nil && wanted(to) {
			seen[pid] = true
			list = append(list, Process{pid, line("/proc/" + strconv.Itoa(pid) + "/comm")})
		}
	}
	return list
}

// Others finds the other programs of this name that run the service, as far as this
// account may see. usual is the config of one that names none. A child that a service
// has forked and that has not begun its own program yet still looks like the service,
// and is none.
func Others(name, usual string) (list []Service) {
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var services []int // this one too
	for _, path := range commands {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		args := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
		if len(args) < 2 || filepath.Base(args[0]) != name || args[1] != "run" {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(path, "/")[2])
		if err != nil {
			continue
		}
		services = append(services, pid)
		if pid == os.Getpid() {
			continue
		}
		config := usual
		for i, a := range args {
			if value, ok := strings.CutPrefix(a, "--config="); ok {
				config = value
			} else if a == "--config" && i+1 < len(args) {
				config = args[i+1]
			}
		}
		if !filepath.IsAbs(config) {
			if at, err := os.Readlink(filepath.Join(filepath.Dir(path), "cwd")); err == nil {
				config = filepath.Join(at, config)
			}
		}
		list = append(list, Service{Process{pid, name}, config})
	}
	return slices.DeleteFunc(list, func(s Service) bool {
		parent, alive := parentOf(s.PID)
		return !alive || slices.Contains(services, parent)
	})
}

// parentOf gives the process that began another, while that one is there.
func parentOf(pid int) (parent int, alive bool) {
	text := line("/proc/" + strconv.Itoa(pid) + "/stat")
	f := strings.Fields(text[strings.LastIndexByte(text, ')')+1:]) // the name before may hold anything
	if len(f) < 2 {
		return 0, false
	}
	parent, err := strconv.Atoi(f[1])
	return parent, err == nil
}
