import type { Output } from './output.ts';

/** What a command is given of the process it runs in. */
export interface CommandContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: AsyncIterable<Uint8Array>;
  /** Data, and nothing else. */
  readonly stdout: Output;
  /** Talk, for a person. */
  readonly stderr: Output;
  /** Aborted by SIGINT or SIGTERM, for the commands that own their signals; the others just end. */
  readonly stop: AbortSignal;
  /** Aborted by the second one. */
  readonly force: AbortSignal;
  /** Has SIGHUP do this instead of aborting `stop`. Default: nothing else can be had of it. */
  readonly onHangUp?: (act: () => void) => void;
}

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  /** How the help names its value, such as `<file>`. */
  readonly value?: string;
  readonly summary: string;
  /** It may be given several times; its value is the list of what was given. */
  readonly multiple?: true;
  /** One letter, typed after a single dash. */
  readonly short?: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

export type OptionValues<Specs extends OptionSpecs> = {
  readonly [Name in keyof Specs]?: OptionValue<Specs[Name]> | undefined;
};

type OptionValue<Spec extends OptionSpec> = Spec['type'] extends 'boolean'
  ? boolean
  : Spec extends { readonly multiple: true }
    ? readonly string[]
    : string;

export interface Words<Specs extends OptionSpecs> {
  readonly operands: readonly string[];
  readonly options: OptionValues<Specs>;
}

/** What may follow a command's name. Its name and summary are in the table of commands. */
export interface CommandSpec<Specs extends OptionSpecs = OptionSpecs> {
  /** `<name>` must be there, `[name]` may be, `[name...]` takes the rest. */
  readonly operands: readonly string[];
  /** What the first operand may be, for completion. */
  readonly choices?: readonly string[];
  /** After so many operands all is an operand, also what looks like an option. Default: nothing. */
  readonly restBegins?: number;
  readonly options: Specs;
  /** Further lines of the help, if its summary does not say it all. */
  readonly details?: readonly string[];
  readonly examples: readonly string[];
}

export interface Command {
  readonly spec: CommandSpec;
  /** Runs with words already checked against the spec. Gives an `ExitCode`, or that of a program a person ran through it. */
  run(words: Words<OptionSpecs>, context: CommandContext): Promise<number>;
}

/** Ties a spec to the function that gets its words with their types. */
export function defineCommand<const Specs extends OptionSpecs>(
  spec: CommandSpec<Specs>,
  run: (words: Words<Specs>, context: CommandContext) => Promise<number>,
): Command {
  // The words were parsed by this very spec, so they have its types.
  return { spec, run: (words, context) => run(words as Words<Specs>, context) };
}
