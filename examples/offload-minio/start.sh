#!/bin/sh
# Hands the plan to the daemon of `docker compose up`, follows the run and checks its audit bundle. Exits 0 only if every
# item is done and the bundle is external-immutable.
set -eu
cd "$(dirname "$0")"
agora=../../bin/agora
run=minio-$(date +%Y%m%d-%H%M%S)-$$

if docker compose version >/dev/null 2>&1; then compose='docker compose'; else compose=docker-compose; fi

say() { printf '\n== %s\n' "$*"; }

wait_for_daemon() {
  tries=0
  until answer=$($agora orch status --daemon 2>&1); do
    tries=$((tries + 1))
    if [ "$tries" = 1 ]; then echo 'Not there yet. Does "docker compose up" run here, in another terminal?'; fi
    if [ "$tries" = 60 ]; then
      echo "$answer" >&2
      exit 3
    fi
    sleep 2
  done
  echo "$answer"
}

say 'The daemon'
wait_for_daemon

say 'Its public key, from its own volume: what the bundle is judged by must not come from where the bundle lies'
mkdir -p .agora
# Under names of its own until it is whole: another `npm start` may go on at the same time.
$compose exec -T --user 1000 serve cat /deploy/.agora/trust.json >.agora/trust.$$
mv .agora/trust.$$ .agora/trust.json
echo 'now in .agora/trust.json'

say 'What workers get: plain configuration in an env, and a secret that only Secrets Manager has'
node -e 'console.log(require("node:crypto").randomBytes(24).toString("base64url"))' |
  $agora env register --name fanout --value RENAME_FROM=OLD_NAME --value RENAME_TO=NEW_NAME --secret SIGNING_KEY=stdin:

say 'The run'
$agora orch submit plan.json --id "$run"
$agora orch watch "$run" --tree

say 'Its patches'
$agora orch patch "$run"

say 'Its audit bundle'
bundle=.agora/bundle-$$.json
trap 'test ! -e "$bundle" || mv "$bundle" bundle.json' EXIT
$agora orch audit "$run" --out "$bundle"
node -e '
  const { report } = JSON.parse(require("node:fs").readFileSync(process.argv[1], "utf8"));
  for (const key of ["intact", "guarantee", "claim"]) console.log(`report.${key}: ${report[key]}`);
  process.exit(report.intact && report.guarantee === "external-immutable" ? 0 : 1);
' "$bundle"
