#!/bin/sh
# Adds a runtime's program, named as claude-code@<version>: what is there already is left as it is, but it must run.
set -eu
case "$1" in
'') exit 0 ;;
claude-code@?*)
  command -v claude >/dev/null || npm install --global --no-audit --no-fund "@anthropic-ai/$1"
  claude --version | grep -qF "${1#*@}" || {
    echo "Cannot add $1: \"claude --version\" says otherwise" >&2
    exit 1
  }
  ;;
*)
  echo "Cannot add \"$1\": only claude-code@<version> is known" >&2
  exit 1
  ;;
esac
