#!/bin/bash
# A fleet on one machine: a server, two Docker engines in network namespaces of their own, an agent for each. A spec is
# applied to both, then things go wrong and are put right. Leaves nothing behind. `--keep` waits before it takes all down.
set -euo pipefail
cd "$(dirname "$0")"
agora=../../bin/agora
hosts=(box-1 box-2)
place=$(mktemp -d /tmp/fleet.XXXXXX)
export XDG_CONFIG_HOME="$place/config" AGORA_SERVER="" AGORA_TOKEN=""

say() { printf '\n== %s\n' "$*"; }

require() {
  if [ "$(id -u)" != 0 ]; then
    echo "fleet: engines of their own need root" >&2
    exit 3
  fi
  local program
  for program in dockerd docker ip nsenter curl; do
    command -v "$program" >/dev/null || {
      echo "fleet: \"$program\" is missing; on Debian: apt-get install docker.io iptables iproute2 curl" >&2
      exit 3
    }
  done
}

start_engine() {
  local name=$1 folder="$place/$1"
  mkdir -p "$folder"
  ip netns add "fleet-$name-$$"
  ip -n "fleet-$name-$$" link set lo up
  setsid nsenter --net="/run/netns/fleet-$name-$$" dockerd --data-root "$folder/data" --exec-root "$folder/exec" \
    --pidfile "$folder/pid" -H "unix://$folder/docker.sock" >"$folder/engine.log" 2>&1 </dev/null &
  until_true 30 "the engine of $name" curl -sf --unix-socket "$folder/docker.sock" http://d/_ping
  # The workspaces run on the worker image: it is built from this machine's own files, without a registry.
  DOCKER_HOST="unix://$folder/docker.sock" $agora worker build >"$folder/image.log" 2>&1
}

start_agent() {
  local name=$1
  XDG_STATE_HOME="$place/$name/state" setsid $agora agent -S "$url" -D "$name" -C "$place/$name/agent.yml" \
    --engine "unix://$place/$name/docker.sock" --join-token-file "$place/server/join-token" \
    >"$place/$name/agent.log" 2>&1 </dev/null &
  echo $! >"$place/$name/agent.pid"
}

# until_true SECONDS WHAT COMMAND...
until_true() {
  local end=$(($(date +%s) + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    if [ "$(date +%s)" -ge "$end" ]; then
      echo "fleet: waited in vain for $what; the logs are in $place" >&2
      exit 1
    fi
    sleep 0.1
  done
}

docker_of() {
  local name=$1
  shift
  DOCKER_HOST="unix://$place/$name/docker.sock" docker "$@"
}

is_running() { [ "$(docker_of "$1" inspect -f '{{.State.Running}} {{.State.Health.Status}}' web 2>/dev/null)" = 'true healthy' ]; }
# The agent may have made the workspace again in between.
take_network() { docker_of "$1" rm -f web && docker_of "$1" network rm inner; }
has_network() { docker_of "$1" network inspect inner; }

stop_process() {
  local pid
  pid=$(cat "$1" 2>/dev/null) || return 0
  kill "$pid" 2>/dev/null || return 0
  for _ in $(seq 100); do
    kill -0 "$pid" 2>/dev/null || return 0
    sleep 0.1
  done
  kill -9 "$pid" 2>/dev/null || true
}

clean_up() {
  local status=$? name left
  set +e
  for name in "${hosts[@]}"; do stop_process "$place/$name/agent.pid"; done
  stop_process "$place/server.pid"
  for name in "${hosts[@]}"; do
    left=$(docker_of "$name" ps -aq 2>/dev/null)
    # shellcheck disable=SC2086
    if [ -n "$left" ]; then docker_of "$name" rm -fv $left >/dev/null 2>&1; fi
    stop_process "$place/$name/pid"
    ip netns del "fleet-$name-$$" 2>/dev/null
  done
  awk -v below="$place/" 'index($2, below) == 1 { print $2 }' /proc/self/mounts | sort -r | xargs -r -n1 umount -l
  if [ "$status" = 0 ]; then rm -rf "$place"; fi
  exit "$status"
}

require
trap clean_up EXIT
trap 'exit 130' INT TERM

say 'Two engines, and the image that the workspaces run on'
for name in "${hosts[@]}"; do start_engine "$name"; done

say 'The server'
setsid $agora server --listen 127.0.0.1:0 -d "$place/server" >"$place/server.out" 2>"$place/server.log" </dev/null &
echo $! >"$place/server.pid"
until_true 30 'the server' grep -q 'agora login http' "$place/server.out" "$place/server.log"
url=$(grep -ho 'agora login http://[^ ]*' "$place/server.out" "$place/server.log" | head -1 | cut -d' ' -f3)
grep -ho 'agora-user\.[A-Za-z0-9_-]*' "$place/server.out" "$place/server.log" | head -1 | $agora login "$url"

say 'An agent for each engine'
for name in "${hosts[@]}"; do start_agent "$name"; done
are_online() { [ "$($agora host ls | grep -c 'admitted.*online')" = ${#hosts[@]} ]; }
until_true 30 'both hosts' are_online
$agora host ls

say 'What is declared for both: box.yaml'
for name in "${hosts[@]}"; do $agora host apply "$name" -f box.yaml --wait -m 'the example'; done
for name in "${hosts[@]}"; do $agora host status "$name"; done

say 'Somebody kills a workspace, and takes a network away from the other host'
docker_of box-1 kill web >/dev/null
until_true 30 'the network of box-2 to go' take_network box-2
until_true 60 'the repair of box-1' is_running box-1
until_true 60 'the repair of box-2' is_running box-2
until_true 60 'the network of box-2' has_network box-2
for name in "${hosts[@]}"; do $agora host status "$name"; done

say 'What was done, newest first'
$agora activity | head -8

if [ "${1:-}" = --keep ]; then
  say "Look around: XDG_CONFIG_HOME=$XDG_CONFIG_HOME $agora host ls. Ctrl-C takes everything down."
  while :; do sleep 1; done
fi
say 'Both hosts are as declared again'
