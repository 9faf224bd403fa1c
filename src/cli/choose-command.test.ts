import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseCommand } from './choose-command.ts';
import { commandHelp } from './command-help.ts';
import { commands } from './commands.ts';
import { parseWords } from './parse-words.ts';

test('a command of two words gets the rest of what was typed', () => {
  const choice = chooseCommand(['orch', 'submit', 'plan.json', '--id', 'x']);

  assert.equal(choice.kind, 'command');
  assert.deepEqual(choice.kind === 'command' && [choice.name, choice.rest], [
    'orch submit',
    ['plan.json', '--id', 'x'],
  ]);
});

test('no words, help and --help print every command with its summary', () => {
  for (const words of [[], ['help'], ['--help'], ['-h']]) {
    const choice = chooseCommand(words);
    assert.ok(choice.kind === 'help');
    for (const [name, { summary }] of Object.entries(commands)) {
      assert.match(choice.text, new RegExp(`^  ${name} +${summary}$`, 'm'));
    }
  }
});

test('a group without a command lists its own', () => {
  const choice = chooseCommand(['orch']);

  assert.ok(choice.kind === 'help');
  assert.match(choice.text, /orch submit/);
  assert.doesNotMatch(choice.text, /doctor/);
});

test('an unknown command is refused with the one that was meant', () => {
  assert.throws(() => chooseCommand(['orch', 'sumbit']), {
    code: 'usage',
    message: 'Cannot run "agora orch sumbit": there is no such command (did you mean "orch submit"?)',
  });
  assert.throws(() => chooseCommand(['doktor']), { message: /did you mean "doctor"/ });
  assert.throws(() => chooseCommand(['constructor']), { code: 'usage' });
});

/** The words of the call in a line, as a shell would split it; what it redirects or pipes to is not among them. */
function wordsOf(example: string): string[] {
  const call = example.slice(example.indexOf('agora ') + 'agora '.length).replace(/\s(?:[|]|[12]?[<>]|&).*$/s, '');
  return [...call.matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g)].map(([word]) => word.replace(/["']/g, ''));
}

for (const [name, entry] of Object.entries(commands)) {
  test(`each example in the help of "${name}" is one that it takes`, async () => {
    const { spec } = await entry.load();

    for (const example of spec.examples) {
      const choice = chooseCommand(wordsOf(example));
      assert.equal(choice.kind, 'command', example);
      if (choice.kind === 'command') parseWords(choice.name, (await choice.entry.load()).spec, choice.rest);
    }
  });

  test(`the help of "${name}" shows its usage, its options and an example that calls it`, async () => {
    const { spec } = await entry.load();

    const help = commandHelp(name, entry.summary, spec);

    assert.match(help, new RegExp(`^Usage: agora ${name}`));
    assert.ok(help.includes(entry.summary));
    assert.ok(spec.examples.some((example) => example.startsWith(`agora ${name}`)));
    for (const option of Object.keys(spec.options)) assert.ok(help.includes(`--${option}`));
    assert.ok(
      help.split('\n').every((line) => line.length <= 120),
      'a line is wider than 120 columns',
    );
  });
}
