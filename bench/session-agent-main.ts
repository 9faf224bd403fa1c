import { setFlagsFromString } from 'node:v8';
import { Agent } from '../src/agent/agent.ts';
import { bringToLife, LiveSimulatedEngine } from '../test/support/live-simulated-engine.ts';
import { SimulatedState } from '../test/support/simulated-state.ts';
import { MemoryState } from './memory-state.ts';
import { scriptedSessions } from './session-programs.ts';

/** A whole agent whose engine is simulated and whose containers run scripted programs: `SERVER NAME JOIN-TOKEN FOLDER IMAGE`. */
async function main([serverUrl = '', name = '', joinToken = '', buildFolder = '', image = '']: readonly string[]) {
  setFlagsFromString('--optimize-for-size'); // As `agora agent` does.
  const ending = new AbortController();
  process.once('SIGTERM', () => ending.abort());
  const state = new SimulatedState();
  state.addImage({ id: 'image', tags: [image] });
  const changes = bringToLife(state, ending.signal);
  const agent = new Agent({
    serverUrl,
    name,
    joinToken,
    buildFolder,
    engine: new LiveSimulatedEngine(state, changes, () => 'none'),
    sessions: scriptedSessions,
    state: new MemoryState(),
    version: '0.0.0',
    machineId: 'scripted',
    log: (line) => process.stderr.write(`${line}\n`),
  });
  await agent.run(ending.signal);
}

await main(process.argv.slice(2));
