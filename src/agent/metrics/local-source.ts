import { ContainerReader } from './container-reader.ts';
import { HostReader } from './host-reader.ts';
import { type HostFiles, monotonicMs, type Reading, type ReadingRequest, type ReadingSource } from './reading.ts';

/** Looks at a host through its own files. */
export class LocalSource implements ReadingSource {
  readonly #host: HostReader;
  readonly #containers: ContainerReader;

  constructor(files: HostFiles) {
    this.#host = new HostReader(files);
    this.#containers = new ContainerReader(files);
  }

  async read({ host, containers }: ReadingRequest): Promise<Reading> {
    const atMs = monotonicMs();
    const found = this.#containers.read(containers, atMs);
    const reading = host ? await this.#host.read(atMs) : undefined;
    return { atMs, containers: found, ...(reading !== undefined && { host: reading }) };
  }
}
