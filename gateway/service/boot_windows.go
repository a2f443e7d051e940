package service

import (
	"strconv"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"clinicgate/gateway/config"
)

// Boot names this boot of the machine, by the number that Windows counts up.
func Boot() string {
	k, err := registry.OpenKey(registry.LOCAL_MACHINE, `SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters`, registry.QUERY_VALUE)
	if err != nil {
		return "unknown" // the time since boot tells most boots apart
	}
	defer k.Close()
	n, _, err := k.GetIntegerValue("BootId")
	if err != nil {
		return "unknown"
	}
	return strconv.FormatUint(n, 10)
}

// Uptime is the time since the machine's boot, suspension included.
func Uptime() time.Duration { return windows.DurationSinceBoot() }

// StateDir is where exits are counted.
func StateDir(data string) string { return data }

// stateDir is the StateDir of the service, for another process.
func stateDir() string { return StateDir(config.Default().Storage.Dir) }
