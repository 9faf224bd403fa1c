/** A sample each second is what is asked for; after a stall those of it come at once. */
const mostMessages = 200;
const floodMs = 10_000;

/** Whether a message is one too many. */
export function floodGate(): () => boolean {
  let [since, count] = [performance.now(), 0];
  return () => {
    const now = performance.now();
    if (now - since > floodMs) [since, count] = [now, 0];
    count += 1;
    return count > mostMessages;
  };
}
