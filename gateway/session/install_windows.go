package session

import "context"

const byHand = "`clinicgate kiosk-session policies` prints the registry file for Edge; operator/kiosk-session.md says how Shell Launcher starts `clinicgate kiosk-session` as the account's shell"

// Install refuses: on Windows an administrator sets the shell of the kiosk's account.
func Install(context.Context, Setup) ([]string, error) {
	return nil, &Error{What: "on Windows the kiosk session is not installed by this command", Next: byHand}
}

// Uninstall refuses likewise.
func Uninstall(context.Context, Setup) ([]string, error) {
	return nil, &Error{What: "on Windows the kiosk session is not removed by this command", Next: byHand}
}
