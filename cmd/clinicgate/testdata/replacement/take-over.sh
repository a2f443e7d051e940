#!/bin/sh
# take-over.sh BACKUP: what operator/backup.md says of a kiosk that died, on the machine
# that replaces it. The private half of the recovery key is on standard input.
set -eu
clinicgate service stop
clinicgate store restore --replacement --recovery-key - "$1"
clinicgate service start
