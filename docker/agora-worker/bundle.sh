#!/bin/sh
# Bundles the worker from a checkout, with its node_modules where they work on this platform, else with fresh ones.
set -eu
if ! node node_modules/esbuild/bin/esbuild --version >/dev/null 2>&1; then
  rm -rf node_modules
  npm ci --ignore-scripts --no-audit --no-fund --workspaces=false
fi
node --input-type=module -e "
  import { writeWorkerBundle } from './src/compute/worker-bundle.ts';
  await writeWorkerBundle(process.cwd());
"
