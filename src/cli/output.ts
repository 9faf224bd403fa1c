/** A stream a command prints to. */
export interface Output {
  /** Resolves once the text was handed on, so that a slow reader slows the writer. */
  write(content: string | Uint8Array): Promise<void>;
  readonly isTerminal: boolean;
  readonly columns: number;
  readonly rows: number;
}

export function outputOf(stream: NodeJS.WriteStream): Output {
  return {
    write: (content) =>
      new Promise((resolve, reject) => {
        stream.write(content, (error) => (error ? reject(error) : resolve()));
      }),
    get isTerminal() {
      return stream.isTTY === true;
    },
    // A terminal of unknown size says 0.
    get columns() {
      return stream.columns || 80;
    },
    get rows() {
      return stream.rows || 24;
    },
  };
}

/** Prints one line for a person. */
export function say(output: Output, line: string): Promise<void> {
  return output.write(`${line}\n`);
}
