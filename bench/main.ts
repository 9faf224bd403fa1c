import { dispatchRows } from './dispatch-rows.ts';
import { fleetHostRows } from './fleet-host-rows.ts';
import { fleetRolloutRows } from './fleet-rollout-rows.ts';
import { fleetServerRows } from './fleet-server-rows.ts';
import { orchestratorRows } from './orchestrator-rows.ts';
import { s3Rows } from './s3-rows.ts';
import { sessionRows } from './session-rows.ts';
import { sshRows } from './ssh-rows.ts';
import { printTable, type Row } from './table.ts';

const parts: Readonly<Record<string, () => Promise<Row[]>>> = {
  orchestrator: orchestratorRows,
  dispatch: dispatchRows,
  ssh: sshRows,
  s3: s3Rows,
  'fleet-host': fleetHostRows,
  'fleet-rollout': fleetRolloutRows,
  'fleet-server': fleetServerRows,
  sessions: sessionRows,
};

/** Prints the table of DESIGN section 10, as far as it is built, with this machine's own floor beside each figure. */
async function main(wanted: readonly string[]): Promise<void> {
  const rows: Row[] = [];
  for (const name of wanted.length === 0 ? Object.keys(parts) : wanted) {
    const part = parts[name];
    if (part === undefined) throw new Error(`Cannot measure "${name}": the parts are ${Object.keys(parts).join(', ')}`);
    rows.push(...(await part()));
  }
  printTable(rows);
}

await main(process.argv.slice(2));
