import { socketReportSchema } from '../contracts/agent-wire.ts';
import type { MetricsSample } from '../contracts/metrics.ts';

/** The sample that an agent tells in a text message; undefined where it is no message of the protocol. */
export function sampleOf(text: string): MetricsSample | undefined {
  try {
    return socketReportSchema.safeParse(JSON.parse(text)).data?.sample;
  } catch {
    return undefined; // Told by closing the socket.
  }
}
