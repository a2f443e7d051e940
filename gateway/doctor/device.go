package doctor

import (
	"context"
	"fmt"
	"strings"

	"clinicgate/devices"
)

// Devices looks whether every configured device is there.
func Devices(status func() []devices.Status) Check {
	return Check{ID: "devices", Run: func(context.Context) Result {
		all := status()
		var missing []string
		hint := ""
		for _, d := range all {
			if d.State == devices.Lost || d.State == devices.Waiting {
				missing = append(missing, fmt.Sprintf("%s (%s)", d.ID, d.Reason))
				hint = d.Hint
			}
		}
		switch {
		case len(all) == 0:
			return Result{State: Skipped, Detail: "no device is configured"}
		case len(missing) > 0:
			if hint == "" {
				hint = "`clinicgate devices list` tells more"
			}
			return Result{Warn, "not there: " + strings.Join(missing, ", "), hint}
		}
		return Result{State: OK, Detail: fmt.Sprintf("all %d devices are there", len(all))}
	}}
}
