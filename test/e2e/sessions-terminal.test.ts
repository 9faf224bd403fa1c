import { test } from 'node:test';
import { waitUntil } from '../../src/base/deadline.ts';
import { aWorkspace, buildApp, fleetEngineFor } from '../support/fleet-engine.ts';
import { privateEngineObstacle } from '../support/private-engine.ts';
import { SessionPlace } from '../support/session-place.ts';
import { TmuxTerminal, tmuxObstacle, whereIs } from '../support/tmux.ts';

const vim = await whereIs('vim', 'vim.tiny');
const editor = `${vim} -u NONE -N --cmd 'set encoding=utf-8 laststatus=2'`;
const editorImage = 'editor:1';
/** How each is started here, without anybody's settings, and told to complete. */
const shells = [
  ['bash', 'bash --norc', 'source <(agora completion bash)'],
  ['zsh', 'zsh -f', 'autoload -Uz compinit; compinit -u -D; source <(agora completion zsh)'],
  ['fish', 'fish --no-config', 'agora completion fish | source'],
] as const;
const skip =
  (await privateEngineObstacle()) ?? ((await tmuxObstacle()) || (vim === undefined && 'vim is not installed'));

test('a terminal in a workspace is as one on its host: sizes, keys, an editor, leaving and coming back', {
  skip,
  timeout: 180_000,
}, async (t) => {
  const engine = await fleetEngineFor(t);
  await buildApp(engine.host, editorImage, vim === undefined ? [] : [vim]);
  const workspaces = {
    web: aWorkspace({ image: editorImage }),
    console: aWorkspace({ command: ['sh'], stdin: true, tty: true }),
  };
  const { fleet } = await SessionPlace.start(t, { engine, name: 'box', workspaces });
  Object.assign(fleet.project.env, { AGORA_SERVER: fleet.url, AGORA_TOKEN: fleet.token });
  const terminal = await TmuxTerminal.start(t, fleet.project);

  for (const [shell, start, source] of shells) {
    const isMissing = (await whereIs(shell)) === undefined && `${shell} is not installed`;
    await t.test(
      `Tab completes commands, and names that the server knows, in ${shell}`,
      { skip: isMissing },
      async () => {
        await terminal.type(start);
        await terminal.type(`${source}; echo ready`);
        await terminal.shows(/^ready *\n.*[$%>#] *$/m);
        await terminal.press('-l', 'agora host att');
        await terminal.press('Tab');
        await terminal.shows(/agora host attach *$/);
        await terminal.press('-l', 'box/co');
        await terminal.press('Tab');
        await terminal.shows(/agora host attach box\/console *$/);
        await terminal.press('C-u');
        await terminal.type('exit; clear');
        await terminal.type('clear');
        await terminal.shows(/^here> *$/);
      },
    );
  }

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

  await t.test('Tab completes in the shell of the workspace', async () => {
    await terminal.type('echo kept >/a-long-name; echo made');
    await terminal.shows(/^made *\n.*# *$/m);
    await terminal.press('-l', 'cat /a-lo');
    await terminal.press('Tab');
    await terminal.shows(/cat \/a-long-name *$/);
    await terminal.press('Enter');
    await terminal.shows(/^kept *$/m);
  });

  await t.test('vim draws its screen, anew where the size changes, and Ctrl-C is a key to it', async () => {
    await terminal.type(`${editor} /file`);
    await terminal.shows(/\n~ *\n[\s\S]*\/file/);
    await terminal.press('i');
    await terminal.shows(/^-- INSERT --/m);
    await terminal.press('-l', 'hello 漢字');
    await terminal.press('C-c');
    await terminal.resize(80, 12);
    await terminal.shows(/^hello 漢字 *\n(?:~ *\n){9}\/file \[\+\][^\n]*(?!\n-- INSERT)/);
    await terminal.resize(60, 16);
    await terminal.shows(/^hello 漢字 *\n(?:~ *\n){13}\/file \[\+\]/);
  });

  await t.test('who leaves has their terminal as it was, and comes back to vim as they left it', async () => {
    await terminal.press('C-p', 'C-q');
    const [, session = ''] = await terminal.shows(
      /agora: left; it waits 5 min for you: agora host join (s-[a-z2-7]{10})/,
    );
    await terminal.type('clear; stty -a | grep -o " echo "');
    await terminal.shows(/^ echo *$/m);

    await terminal.resize(70, 20);
    await terminal.type(`agora host join ${session.slice(0, 7)}`);
    await terminal.shows(/^hello 漢字 *\n(?:~ *\n){17}\/file \[\+\]/);
    await terminal.type(':wq');
    await terminal.shows(/# *$/);
    await terminal.type('busybox clear; cat /file');
    await terminal.shows(/^hello 漢字 *$/m);
    await terminal.type('exit 9');
    await terminal.shows(/here> *$/);
    await terminal.type('echo code $?');
    await terminal.shows(/^code 9 *$/m);
  });

  await t.test('a terminal that a signal ends is as it was', async () => {
    // Of this process alone: others may run this very test.
    const file = `other-${process.pid}`;
    await terminal.type(`agora host exec -it box/web ${editor} /${file}`);
    await terminal.shows(/\n~ *\n[\s\S]*\/other/);
    const pid = await fleet.project.shell(`pgrep -f '[h]ost exec -it box/web .* /${file}'`);
    await fleet.project.shell(`kill -TERM ${pid.stdout.trim().split('\n').join(' ')}`);
    await terminal.shows(/agora: left/);
    await terminal.type('echo code $?; stty -a | grep -o " echo "');
    await terminal.shows(/^code 143 *\n echo *$/m);
  });

  await t.test(
    'a session whose terminal was hung up waits, and takes what is typed by who comes back to it',
    async (t) => {
      const closed = await TmuxTerminal.start(t, fleet.project);
      await closed.type('agora host exec -it box/web sh -i');
      await closed.shows(/# *$/);
      await closed.hangUp();
      const [, session = ''] = await waitUntil('that it waits', async () => {
        const { stdout } = await fleet.project.shell('agora host sessions');
        return /^(s-\w+)\t.*\texec\tsh -i\t.*\twaits$/m.exec(stdout);
      });
      await terminal.type(`clear; agora host join ${session}`);
      await terminal.shows(/# *$/);
      await terminal.type('echo $((6 * 7)); exit 7');
      await terminal.shows(/^42 *\n[\s\S]*here> *$/m);
    },
  );

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
