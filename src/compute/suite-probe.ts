/** What a subagent found when it looked around; every list is empty where it is contained. */
export interface Probe {
  /** Addresses it could connect to. */
  readonly reached: readonly string[];
  /** Interfaces besides loopback. */
  readonly interfaces: readonly string[];
  /** Files it could read and must not. */
  readonly read: readonly string[];
  /** Files it could write and must not. */
  readonly wrote: readonly string[];
  /** Processes of other users that it could signal or look into. */
  readonly foreign: readonly string[];
  /** Its effective capabilities, hexadecimal. */
  readonly capabilities: string;
}

export interface ProbeWish {
  /** `host:port` or paths of sockets that listen on the host. */
  readonly connect: readonly string[];
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** Runs inside the worker, as a subagent: plain JavaScript that needs nothing but Node. */
function lookAround(wish: ProbeWish): void {
  const fs = process.getBuiltinModule('node:fs');
  const net = process.getBuiltinModule('node:net');
  const os = process.getBuiltinModule('node:os');
  const succeeds = (action: () => unknown) => {
    try {
      action();
      return true;
    } catch {
      return false;
    }
  };
  const others = fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const uidOf = (pid: string) => /^Uid:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  const foreign = others.filter((pid) => {
    if (!succeeds(() => uidOf(pid)) || uidOf(pid) === String(process.getuid?.())) return false;
    return (
      succeeds(() => process.kill(Number(pid), 0)) ||
      succeeds(() => fs.readFileSync(`/proc/${pid}/environ`)) ||
      succeeds(() => fs.readdirSync(`/proc/${pid}/fd`))
    );
  });
  const connects = (address: string) =>
    new Promise<string[]>((resolve) => {
      const [host, port] = address.split(':');
      const socket = address.startsWith('/') ? net.connect(address) : net.connect(Number(port), host ?? '');
      socket.setTimeout(2_000, () => socket.destroy(new Error('timeout')));
      socket.on('connect', () => resolve([address])).on('error', () => resolve([]));
    });
  const status = fs.readFileSync('/proc/self/status', 'utf8');
  const found = {
    interfaces: Object.keys(os.networkInterfaces()).filter((name) => name !== 'lo'),
    read: wish.read.filter((path) => succeeds(() => fs.readFileSync(path))),
    wrote: wish.write.filter((path) => succeeds(() => fs.writeFileSync(path, 'x'))),
    foreign,
    capabilities: /^CapEff:\s+(\w+)/m.exec(status)?.[1] ?? 'unknown',
  };
  void Promise.all(wish.connect.map(connects)).then((reached) => {
    const text = JSON.stringify({ ...found, reached: reached.flat() });
    fs.writeFileSync(`${process.env['AGORA_OUTPUT_DIR']}/probe.json`, text);
    process.exit(0);
  });
}

export function probeCommand(wish: ProbeWish): string[] {
  return ['node', '-e', `(${lookAround})(${JSON.stringify(wish)})`];
}
