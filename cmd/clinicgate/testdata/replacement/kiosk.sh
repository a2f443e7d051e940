#!/bin/sh
# kiosk.sh ID LETTER CREDENTIAL-FILE [config init flags]: a new kiosk as operator/install.md
# and operator/keys.md set one up: the service, a key sealed to this machine, and the
# clinic's shared keys and recovery key, where /root/shared.json and /root/recovery.public
# hold them.
set -eu
id=$1 letter=$2 cred=$3
shift 3
clinicgate config init --set kiosk.id="$id" --set kiosk.letter="$letter" --set kiosk.site=main --set kiosk.organization=riverside \
	--set kiosk.zone=Europe/Madrid --set pubnub.publish_key=demo --set pubnub.subscribe_key=demo \
	--set key_source.kind=credential --set key_source.file="$cred" "$@"
clinicgate service install
if [ -e /root/shared.json ]; then
	clinicgate keys init --generate
	clinicgate keys import </root/shared.json
else
	clinicgate keys init --generate --shared-keys /root/shared.json
fi
if [ -e /root/recovery.public ]; then
	clinicgate keys recovery set "$(cat /root/recovery.public)"
fi
clinicgate service install
clinicgate service start
