/** What an agent keeps over its restarts: small texts by name. Each is whole, the old one or the new one, whatever crashes. */
export interface AgentState {
  /** Where it is, for people. */
  readonly place: string;
  read(name: StateName): Promise<string | undefined>;
  write(name: StateName, text: string): Promise<void>;
  remove(name: StateName): Promise<void>;
  /** Waits until all that was written would survive. */
  flush(): Promise<void>;
}

export const stateNames = [
  'identity.pem',
  'sealing.pem',
  'identity-next.pem',
  'sealing-next.pem',
  'sealing-previous.pem',
  'machine-id',
  'server.json',
  'host.json',
  'target.json',
  'memory.json',
  'progress.json',
  'samples.json',
  'contact.json',
  'config.yml',
] as const;
export type StateName = (typeof stateNames)[number];
