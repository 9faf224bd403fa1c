import { styleText } from 'node:util';
import { formatDuration } from '../base/duration.ts';
import { digestOfRef, type RunId } from '../contracts/ids.ts';
import type { ItemStatus } from '../contracts/run.ts';
import type { ItemView } from '../contracts/status.ts';
import type { ItemClock } from './item-clock.ts';
import { fit, oneLine } from './one-line.ts';
import { countItems, type RunState } from './run-state.ts';
import { usageText } from './usage-text.ts';

const marks = {
  pending: { mark: '·', color: 'dim' },
  ready: { mark: '○', color: 'dim' },
  running: { mark: '●', color: 'cyan' },
  waiting: { mark: '?', color: 'yellow' },
  done: { mark: '✓', color: 'green' },
  failed: { mark: '✗', color: 'red' },
  skipped: { mark: '–', color: 'dim' },
  cancelled: { mark: '■', color: 'yellow' },
} as const satisfies Record<ItemStatus, { mark: string; color: Parameters<typeof styleText>[0] }>;

/** Shown first when there is no room for all. */
const urgency: readonly ItemStatus[] = [
  'failed',
  'waiting',
  'running',
  'ready',
  'cancelled',
  'pending',
  'skipped',
  'done',
];

export interface TreeFrame {
  readonly now: number;
  readonly columns: number;
  readonly rows: number;
}

/** A run as lines for a terminal: a heading, then its items, those that matter most if there is no room for all. */
export function treeLines(state: RunState, clock: ItemClock, frame: TreeFrame): string[] {
  const items = [...state.items.values()];
  const room = Math.max(1, frame.rows - 2);
  const shown = items.length <= room ? items : mostUrgent(items, room);
  const width = Math.max(...shown.map((item) => item.id.length));
  const lines = [heading(state)];
  let spare = room - shown.length;
  let unsaid = items.filter(({ question }) => question !== undefined).length;
  for (const item of shown) {
    lines.push(paintedLine(item, clock.elapsedMs(item, frame.now), width));
    const asked = questionLines(state.record.runId, item);
    if (asked.length === 0 || asked.length > spare) continue;
    lines.push(...asked);
    spare -= asked.length;
    unsaid--;
  }
  const rest = restText(state.record.runId, { items: items.length - shown.length, questions: unsaid });
  if (rest !== '') lines.push(`  … and ${rest}`);
  return lines.map((line) => fit(line, frame.columns));
}

/** What there was no room for. */
function restText(runId: RunId, left: { readonly items: number; readonly questions: number }): string {
  const parts: string[] = [];
  if (left.items > 0) parts.push(`${left.items} more`);
  if (left.questions > 0) parts.push(`${left.questions} to answer: agora orch status ${runId}`);
  return parts.join(', ');
}

/** One item as a plain line. */
export function itemLine(item: ItemView, elapsedMs: number | undefined, width = 0): string {
  const { mark } = marks[item.status];
  const words = [`  ${mark} ${item.id.padEnd(width)}  ${item.status}`, ...notes(item)];
  if (elapsedMs !== undefined) words.push(formatDuration(elapsedMs));
  return words.join('  ');
}

/** What an item asks, and the command that answers it. */
export function questionLines(runId: RunId, { id, status, question }: ItemView): string[] {
  if (status !== 'waiting' || question === undefined) return [];
  const { options = [], context, isCut } = question;
  const shown = options
    .slice(0, shownOptions)
    .map((option, index) => `${indent}${index + 1}) ${oneLine(option, lineLength)}`);
  const unshown = options.length - shown.length;
  const more = unshown > 0 ? [`${indent}… and ${isCut === true ? 'more' : `${unshown} more`}`] : [];
  const texts = [question.question, ...options, ...(context === undefined ? [] : [textOf(context)])];
  const isShort = isCut !== true && texts.every((text) => text.length <= lineLength) && more.length === 0;
  const whole = isShort ? [] : [`${indent}all of it: agora artifact get ${digestOfRef(question.ref)}`];
  return [
    `${indent}${oneLine(question.question, lineLength)}`,
    ...shown,
    ...more,
    ...(context === undefined ? [] : [`${indent}context: ${oneLine(textOf(context), lineLength)}`]),
    ...whole,
    `${indent}answer: agora orch answer ${runId} ${id} ${options.length > 0 ? '--option <n>' : '"…"'}`,
  ];
}

const indent = '      ';
const shownOptions = 9;
/** Of a text a subagent wrote. */
const lineLength = 200;
/** Longer than any we give. */
const reasonLength = 1_500;

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function heading(state: RunState): string {
  const { runId, status, reason } = state.record;
  const counts = [...countItems(state)].map(([name, count]) => `${count} ${name}`).join(', ');
  const used = usageText(state);
  const notes = [...(reason === undefined ? [] : [oneLine(reason, reasonLength)]), ...(used === '' ? [] : [used])];
  return [`${runId}  ${status}  (${counts})`, ...notes].join('  ');
}

function paintedLine(item: ItemView, elapsedMs: number | undefined, width: number): string {
  const { mark, color } = marks[item.status];
  const plain = itemLine(item, elapsedMs, width);
  return plain.replace(mark, styleText(color, mark));
}

function notes(item: ItemView): string[] {
  const found: string[] = [];
  if (item.attempt > 1) found.push(`attempt ${item.attempt}`);
  if (item.blockedBy.length > 0) found.push(blockedText(item.blockedBy));
  if (item.reason !== undefined && item.reason !== item.status) found.push(oneLine(item.reason, reasonLength));
  if (item.humanTouched === true) found.push('human-touched');
  return found;
}

/** `after alpha, beta`, `needs lock:a.ts`. */
function blockedText(blockedBy: readonly string[]): string {
  const items = blockedBy.filter((each) => each.startsWith('item:')).map((each) => each.slice('item:'.length));
  const others = blockedBy.filter((each) => !each.startsWith('item:'));
  const parts = [];
  if (items.length > 0) parts.push(`after ${items.join(', ')}`);
  if (others.length > 0) parts.push(`waits for ${others.join(', ')}`);
  return parts.join('; ');
}

function mostUrgent(items: readonly ItemView[], room: number): ItemView[] {
  const rank = (item: ItemView) => urgency.indexOf(item.status);
  const chosen = new Set(items.toSorted((left, right) => rank(left) - rank(right)).slice(0, room));
  return items.filter((item) => chosen.has(item));
}
