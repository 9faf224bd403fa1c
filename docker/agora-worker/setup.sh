#!/bin/sh
# Makes the base a worker: what is there already is left as it is.
set -eu
if ! command -v git >/dev/null || ! command -v bash >/dev/null || [ ! -f /etc/ssl/certs/ca-certificates.crt ]; then
  apt-get update
  apt-get install -y --no-install-recommends bash ca-certificates git
  rm -rf /var/lib/apt/lists/*
fi
grep -q '^[^:]*:[^:]*:1000:' /etc/group || echo 'agora:x:1000:' >>/etc/group
grep -q '^[^:]*:[^:]*:1000:' /etc/passwd || echo 'agora:x:1000:1000:agora:/home/agora:/bin/bash' >>/etc/passwd
mkdir -p /agora /workspace
