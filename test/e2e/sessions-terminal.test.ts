import { test } from 'node:test';
import { aWorkspace, fleetEngineFor } from '../support/fleet-engine.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';
import { SessionPlace } from '../support/session-place.ts';
import { TmuxTerminal, tmuxObstacle } from '../support/tmux.ts';

const skip = (await privateEngineObstacle()) ?? (await tmuxObstacle());

test('a terminal in a workspace is as one on its host: sizes, keys, an editor, leaving and coming back', {
  skip,
  timeout: 180_000,
}, async (t) => {
  const engine = await fleetEngineFor(t);
  const workspaces = { web: aWorkspace(), console: aWorkspace({ command: ['sh'], stdin: true, tty: true }) };
  const { fleet } = await SessionPlace.start(t, { engine, name: 'box', workspaces });
  Object.assign(fleet.project.env, { AGORA_SERVER: fleet.url, AGORA_TOKEN: fleet.token });
  const terminal = await TmuxTerminal.start(t, fleet.project);

  await t.test('the command knows the size of the terminal, and each new one', async () => {
    await terminal.type('agora host exec -it box/web sh');
    await terminal.shows(/# *$/);
    await terminal.type('busybox stty size');
    await terminal.shows(/^30 100 *$/m);
    await terminal.resize(90, 20);
    await terminal.type('busybox clear; busybox stty size');
    await terminal.shows(/^20 90 *$/m);
  });

  await t.test('Ctrl-C ends what runs in the shell, and not the shell', async () => {
    await terminal.type('echo begun; sleep 1000');
    await terminal.shows(/^begun *$/m);
    await terminal.press('C-c');
    await terminal.type('echo code $?');
    await terminal.shows(/^code 130 *$/m);
  });

  await t.test('an editor draws its screen, also where the size changes', async () => {
    await terminal.type('busybox vi /file');
    await terminal.shows(/\n~ *\n[\s\S]*- \/file/);
    await terminal.press('i');
    await terminal.type('hello');
    await terminal.press('Escape');
    await terminal.resize(80, 12);
    await terminal.shows(/^hello *\n[\s\S]*- \/file \[Modified\]/);
  });

  await t.test('who leaves has their terminal as it was, and comes back to the editor', async () => {
    await terminal.press('C-p', 'C-q');
    const [, session = ''] = await terminal.shows(
      /agora: left; it waits 5 min for you: agora host join (s-[a-z2-7]{10})/,
    );
    await terminal.type('clear; stty -a | grep -o " echo "');
    await terminal.shows(/^ echo *$/m);

    await terminal.type(`agora host join ${session.slice(0, 7)}`);
    await terminal.shows(/^hello *\n[\s\S]*- \/file \[Modified\]/);
    await terminal.type(':wq');
    await terminal.type('busybox clear; cat /file');
    await terminal.shows(/^hello *$/m);
    await terminal.type('exit 9');
    await terminal.shows(/here> *$/);
    await terminal.type('echo code $?');
    await terminal.shows(/^code 9 *$/m);
  });

  await t.test('a terminal that a signal ends is as it was', async () => {
    // Of this process alone: others may run this very test.
    const file = `other-${process.pid}`;
    await terminal.type(`agora host exec -it box/web busybox vi /${file}`);
    await terminal.shows(/\n~ *\n[\s\S]*- \/other/);
    const pid = await fleet.project.shell(`pgrep -f '[h]ost exec -it box/web busybox vi /${file}'`);
    await fleet.project.shell(`kill -TERM ${pid.stdout.trim().split('\n').join(' ')}`);
    await terminal.shows(/agora: left/);
    await terminal.type('echo code $?; stty -a | grep -o " echo "');
    await terminal.shows(/^code 143 *\n echo *$/m);
  });

  await t.test('the main program is typed to, left by other keys, and ends with its code', async () => {
    await terminal.type("agora host attach --detach-keys 'ctrl-]' box/console");
    await terminal.shows(/# *$/);
    await terminal.type('name=kept; echo $((6 * 7))');
    await terminal.shows(/^42 *$/m);
    await terminal.press('C-]');
    await terminal.shows(/agora: left/);
    await terminal.type('clear; agora host attach box/console');
    await terminal.shows(/# *$/);
    await terminal.type('echo $name; exit 5');
    await terminal.shows(/^kept *[\s\S]*here> *$/m);
    await terminal.type('echo code $?');
    await terminal.shows(/^code 5 *$/m);
  });
});
