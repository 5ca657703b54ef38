#!/bin/sh
# Shows the gateway's log; with -f it goes on showing what is added.
# The place is OPENCLAW_STATE_DIR, else TACKLE_HOME, else ~/.openclaw if it exists, else ~/.tackle.
set -eu

state="${OPENCLAW_STATE_DIR:-${TACKLE_HOME:-}}"
if [ -z "$state" ]; then
  state="$HOME/.openclaw"
  [ -d "$state" ] || state="$HOME/.tackle"
fi
log="$state/gateway.log"

if [ ! -e "$log" ]; then
  echo "No log yet: $log appears when a gateway has started." >&2
  exit 1
fi

case "${1:-}" in
  -f | --follow) exec tail -n 50 -f "$log" ;;
  '') exec tail -n 50 "$log" ;;
  *)
    echo "usage: clawlog.sh [-f]" >&2
    exit 2
    ;;
esac
