#!/bin/sh
# Bundles programs (worker, agent and what is beside it, server, agora) from a checkout, with its node_modules where they work on this platform,
# else with fresh ones.
set -eu
if ! node node_modules/esbuild/bin/esbuild --version >/dev/null 2>&1; then
  rm -rf node_modules
  npm ci --ignore-scripts --no-audit --no-fund --workspaces=false
fi
for program in "$@"; do
  node --input-type=module -e "
    import { bundledPrograms } from './src/compute/bundled-programs.ts';
    import { writeBundle } from './src/compute/program-bundle.ts';
    await writeBundle(process.cwd(), bundledPrograms['$program']);
  "
done
