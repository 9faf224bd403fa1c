import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { isAppError } from '../contracts/errors.ts';
import { claudeCodeSync } from './claude-code-sync.ts';
import { readFrontMatter } from './front-matter.ts';

const root = await mkdtemp(join(tmpdir(), 'agora-sync-'));
after(() => rm(root, { recursive: true, force: true }));

let projects = 0;
async function aProject(files: Readonly<Record<string, string>>): Promise<string> {
  projects += 1;
  const project = join(root, String(projects));
  await mkdir(project);
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(project, path)), { recursive: true });
    await writeFile(join(project, path), content);
  }
  return project;
}

async function skillsOf(project: string, notes: string[] = []) {
  const skills = (await claudeCodeSync.capabilities?.(project, { onNote: (line) => notes.push(line) })) ?? [];
  return skills.map(({ name, files }) => [name, Object.keys(files).sort()]);
}

async function agentsOf(project: string) {
  const notes: string[] = [];
  const agents = await claudeCodeSync.subagents?.(project, { onNote: (line) => notes.push(line) });
  return { agents, notes };
}

test('each folder with a SKILL.md is a capability, its files where they are looked for', async () => {
  const project = await aProject({
    '.claude/skills/pdf/SKILL.md': 'x',
    '.claude/skills/pdf/scripts/run.sh': 'x',
    '.claude/skills/pdf/examples/inner/SKILL.md': 'x',
    '.claude/skills/office/word/SKILL.md': 'x',
    '.claude/skills/notes.md': 'x',
  });

  assert.deepEqual(await skillsOf(project), [
    ['word', ['.claude/skills/word/SKILL.md']],
    [
      'pdf',
      [
        '.claude/skills/pdf/SKILL.md',
        '.claude/skills/pdf/examples/inner/SKILL.md',
        '.claude/skills/pdf/scripts/run.sh',
      ],
    ],
  ]);
});

test('two skills of one name, and a project without any, are refused', async () => {
  const two = await aProject({ '.claude/skills/a/x/SKILL.md': 'x', '.claude/skills/b/x/SKILL.md': 'x' });

  await assert.rejects(skillsOf(two), /another one named "x"/);
  await assert.rejects(skillsOf(await aProject({})), (error) => isAppError(error, 'invalid-input'));
});

test('each agent is a subagent with its text and model; what is not carried over is noted', async () => {
  const project = await aProject({
    '.claude/agents/a.md': '---\nname: reviewer\ndescription: Use it\ntools: Read\nmodel: sonnet\n---\n\nYou review.\n',
    '.claude/agents/plain.md': 'Just text.',
    '.claude/agents/z.md': '---\r\nmodel: inherit\r\n---\r\nInherits.\r\n',
    '.claude/agents/notes.txt': 'x',
  });

  const { agents, notes } = await agentsOf(project);

  assert.deepEqual(agents, [
    { name: 'reviewer', runtime: 'claude-code', systemPrompt: 'You review.', model: 'sonnet' },
    { name: 'plain', runtime: 'claude-code', systemPrompt: 'Just text.' },
    { name: 'z', runtime: 'claude-code', systemPrompt: 'Inherits.' },
  ]);
  assert.deepEqual(notes, ['the tools of subagent "reviewer" are not carried over']);
});

test('links and folders among skills and agents are left out, and said to be', async () => {
  const project = await aProject({
    '.claude/skills/a/SKILL.md': 'x',
    '.claude/agents/a.md': 'Text.',
    '.claude/agents/team/b.md': 'Text.',
  });
  await symlink('a', join(project, '.claude', 'skills', 'linked'));
  await symlink('a.md', join(project, '.claude', 'agents', 'linked.md'));
  const ofSkills: string[] = [];

  const skills = await skillsOf(project, ofSkills);
  const { agents, notes } = await agentsOf(project);

  assert.deepEqual([skills.map(([name]) => name), agents?.map(({ name }) => name)], [['a'], ['a']]);
  assert.deepEqual(ofSkills, [`${join(project, '.claude', 'skills', 'linked')} is a link and is left out`]);
  assert.deepEqual(notes, [
    `${join(project, '.claude', 'agents', 'linked.md')} is a link and is left out`,
    `${join(project, '.claude', 'agents', 'team')} is a folder and is left out`,
  ]);
});

test('an agent without a text is told by its file', async () => {
  const project = await aProject({ '.claude/agents/a.md': '---\nname: empty\n---\n' });

  await assert.rejects(agentsOf(project), /a\.md": it holds no text/);
});

test('a description with a colon is read although it is no YAML', () => {
  const text = '---\nname: helper\ndescription: Use this when: "it fits", e.g. now\nmodel: opus\n---\nBody';

  assert.deepEqual(readFrontMatter(Buffer.from(text), 'a.md'), {
    fields: { name: 'helper', description: 'Use this when: "it fits", e.g. now', model: 'opus' },
    body: 'Body',
  });
});

test('a rule in the text is no front matter', () => {
  assert.deepEqual(readFrontMatter(Buffer.from('Text\n---\na: 1\n---\n'), 'a.md'), {
    fields: {},
    body: 'Text\n---\na: 1\n---',
  });
});

test('a name that cannot be registered is told with its file', async () => {
  const project = await aProject({ '.claude/agents/a.md': '---\nname: my agent\n---\nText' });

  await assert.rejects(agentsOf(project), /a\.md": its name must be/);
});
