import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './source-files.ts';

/** A command a page shows. */
export interface ShownCommand {
  readonly text: string;
  /** Said with `# exits 1` at its end. Default: 0. */
  readonly exitCode: number;
  /** What the page says it prints; `…` stands for anything. Undefined when it does not say. */
  readonly output: string | undefined;
  /** What has to be there for it, such as `engine` or `host`; said in a comment `needs: engine key`. */
  readonly needs: readonly string[];
}

export interface MarkdownPage {
  readonly path: string;
  readonly commands: readonly ShownCommand[];
  /** Files the page tells its reader to write, by their path in the repository. */
  readonly files: ReadonlyMap<string, string>;
  readonly links: readonly string[];
  /** The anchors of its headings. */
  readonly anchors: ReadonlySet<string>;
  readonly text: string;
}

interface Block {
  readonly language: string;
  readonly body: string;
  /** The comment right before it, which a reader of the rendered page does not see. */
  readonly comment: string;
}

/**
 * Reads a page. Commands are in blocks marked `sh`, one a line, and in `console`, after `$ ` and with their output. A
 * comment before a block may say `file: <path>`, `not run: <why>` or `needs: <what>`; one that begins with `setup`, or
 * `setup needs: <what>`, holds commands that bring about what the page takes for granted.
 */
export function readPage(path: string): MarkdownPage {
  const text = readFileSync(join(repositoryRoot, path), 'utf8');
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, '');
  const blocks = blocksOf(text);
  return {
    path,
    text,
    commands: [...setupOf(text), ...blocks.flatMap(commandsOf)],
    files: new Map(blocks.flatMap(({ comment, body }) => fileOf(comment, body))),
    links: [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? ''),
    anchors: new Set([...text.matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1] ?? ''))),
  };
}

function blocksOf(text: string): Block[] {
  const found = text.matchAll(/(?:<!-- ((?:file|not run|needs): [^\n]*) -->\n)?^```(\w+)\n([\s\S]*?)^```$/gm);
  return [...found].map(([, comment = '', language = '', body = '']) => ({ language, body, comment }));
}

function fileOf(comment: string, body: string): [string, string][] {
  const path = /^file: (.+)$/.exec(comment)?.[1];
  return path === undefined ? [] : [[path, body]];
}

function setupOf(text: string): ShownCommand[] {
  const found = text.matchAll(/<!-- setup(?: needs: ([^\n]+))?\n([\s\S]*?)-->/g);
  return [...found].flatMap(([, needs, commands = '']) => linesOf(commands, needs?.split(' ') ?? []));
}

function commandsOf({ language, body, comment }: Block): ShownCommand[] {
  const needs = /^needs: (.+)$/.exec(comment)?.[1]?.split(' ');
  if (comment !== '' && needs === undefined) return [];
  if (language === 'sh') return linesOf(body, needs ?? []);
  if (language !== 'console') return [];
  return body
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...output] = part.trimEnd().split('\n');
      return shown(command, needs ?? [], output.length === 0 ? undefined : output.join('\n'));
    });
}

/** One command a line; a backslash at its end takes the next one in. */
function linesOf(body: string, needs: readonly string[]): ShownCommand[] {
  return body
    .trim()
    .split(/(?<!\\)\n/)
    .map((text) => shown(text, needs));
}

function shown(text: string, needs: readonly string[], output?: string): ShownCommand {
  return { text, exitCode: Number(/# exits (\d+)$/.exec(text)?.[1] ?? 0), output, needs };
}

/** As GitHub makes it from a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}
