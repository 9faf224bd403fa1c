#!/bin/sh
# `agora`, never as root: as uid 1000 with the group of the engine's socket, whose number differs from host to host. A
# container that is started as another user keeps that user, and has to be given the group.
set -eu
set -- node --disable-warning=ExperimentalWarning /usr/local/lib/agora/dist/cli/agora.cjs "$@"
if [ "$(id -u)" != 0 ]; then exec "$@"; fi

case ${DOCKER_HOST:-} in
unix://*) socket=${DOCKER_HOST#unix://} ;;
*) socket=/var/run/docker.sock ;;
esac
if [ -S "$socket" ]; then groups=--groups=$(stat -c %g "$socket"); else groups=--clear-groups; fi
exec setpriv --reuid=1000 --regid=1000 "$groups" --inh-caps=-all --no-new-privs "$@"
