import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { type ExitCode, exitCodes } from '../contracts/errors.ts';
import { type MetricsSample, metricsSampleSchema } from '../contracts/metrics.ts';
import type { ServerClient } from '../server-client/server-client.ts';
import type { CommandContext } from './command.ts';
import { jsonText } from './json-text.ts';
import { figureText, sampleHead, sampleRow } from './metric-text.ts';
import { fit, oneLine } from './one-line.ts';
import { type Output, say } from './output.ts';
import { sparkline } from './sparkline.ts';

export interface LiveWish {
  /** Its id, and its name. */
  readonly host: string;
  readonly name: string;
  readonly isJson: boolean;
}

/** A view is open for a day at most. */
const longestMs = 86_400_000;
const mostColumns = 500;
const widestLabel = 28;
const narrowestLabel = 8;
const valueWidth = 14;

/** Prints samples as they come, until the server or the reader ends it. */
export async function showLive(
  client: ServerClient,
  { host, name, isJson }: LiveWish,
  { stdout, stderr, stop }: Pick<CommandContext, 'stdout' | 'stderr' | 'stop'>,
): Promise<ExitCode> {
  const response = await client.send('watchMetrics', { params: { host } }, { signal: stop, timeoutMs: longestMs });
  const body = Readable.from(response.body ?? [], { objectMode: false });
  const screen = new LiveScreen(stdout, name);
  if (!isJson && !stdout.isTerminal) await say(stderr, `agora: ${sampleHead.join(', ')}, with tabs between`);
  for await (const line of createInterface({ input: body })) {
    if (line === '') continue;
    const sample = metricsSampleSchema.parse(JSON.parse(line));
    if (isJson) await say(stdout, jsonText(sample));
    else if (stdout.isTerminal) await screen.show(sample);
    else await say(stdout, [...sampleRow(sample, Date.parse(sample.at)).slice(0, -1), sample.at].join('\t'));
  }
  await say(stderr, 'agora: the server ended the view');
  return exitCodes.undecided;
}

/** Draws over what it drew before. */
class LiveScreen {
  readonly #output: Output;
  readonly #name: string;
  readonly #history = new Map<string, number[]>();
  #lines = 0;

  constructor(output: Output, name: string) {
    this.#output = output;
    this.#name = name;
  }

  async show(sample: MetricsSample): Promise<void> {
    const { columns, rows: height } = this.#output;
    const labelWidth = Math.min(widestLabel, Math.max(narrowestLabel, columns - valueWidth - 6));
    const width = Math.max(0, columns - labelWidth - valueWidth - 6);
    const figures = figuresOf(sample);
    const rows = figures.slice(0, Math.max(1, height - 3));
    const more =
      figures.length > rows.length ? [`and ${figures.length - rows.length} more: agora host stats ${this.#name}`] : [];
    const text = rows.map(({ label, value, shown, top }) => {
      const values = [...(this.#history.get(label) ?? []), value].slice(-mostColumns);
      this.#history.set(label, values);
      const cell = oneLine(label, labelWidth - 1).padEnd(labelWidth);
      return `${cell}  ${shown.padStart(valueWidth)}  ${width === 0 ? '' : sparkline(values.slice(-width), { top })}`;
    });
    const up = this.#lines === 0 ? '' : `\u001b[${this.#lines}A\u001b[J`;
    const lines = [`${this.#name}, ${sample.at}`, ...text, ...more].map((line) => fit(line, columns - 1));
    this.#lines = lines.length;
    await this.#output.write(`${up}${lines.join('\n')}\n`);
  }
}

interface Shown {
  readonly label: string;
  readonly value: number;
  readonly shown: string;
  readonly top?: number | undefined;
}

function figuresOf({ host, gpus = [], workspaces = [] }: MetricsSample): Shown[] {
  return [
    figure('host', 'cpu', { value: host?.cpu, top: 1 }),
    figure('host', 'memory', { value: host?.memory.usedBytes, top: host?.memory.totalBytes }),
    figure('host', 'received', { value: host?.network?.receivedBytesPerSecond }),
    figure('host', 'sent', { value: host?.network?.sentBytesPerSecond }),
    figure('host', 'read', { value: host?.io?.readBytesPerSecond }),
    figure('host', 'written', { value: host?.io?.writeBytesPerSecond }),
    ...gpus.flatMap(({ use, name }) => figure('gpu', 'use', { value: use, top: 1, of: name })),
    ...workspaces.flatMap(({ name, cpus, memoryBytes, memoryLimitBytes }) => [
      figure('workspace', 'cpus', { value: cpus, of: name }),
      figure('workspace', 'memory', { value: memoryBytes, top: memoryLimitBytes, of: name }),
    ]),
  ].flat();
}

function figure(
  kind: 'host' | 'gpu' | 'workspace',
  name: string,
  { value, top, of }: { readonly value: number | undefined; readonly top?: number | undefined; readonly of?: string },
): Shown[] {
  if (value === undefined) return [];
  return [{ label: of === undefined ? name : `${of} ${name}`, value, shown: figureText(kind, name, value), top }];
}
