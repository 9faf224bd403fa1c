/** Takes what an engine says of a push, and gives each state of a layer once: how far it has come is said many times a second. */
export function pushLines(onLine: (line: string) => void): (said: string) => void {
  const last = new Map<string, string>();
  return (said) => {
    const [, layer = '', state = ''] =
      /^([0-9a-f]{12}: )?(.*?)(?: +\[[=> ]*\].*| +[\d.]+ ?[kMGT]?B)?$/s.exec(said) ?? [];
    if (last.get(layer) === state) return;
    last.set(layer, state);
    onLine(`${layer}${state}`);
  };
}
