/**
 * Maps in order, with up to `ahead` values under way at once: for questions of which each mostly waits for its answer. The
 * first failure ends it; answers nobody takes any more are let go.
 */
export async function* mapAhead<Value, Result>(
  values: Iterable<Value>,
  ahead: number,
  map: (value: Value) => Promise<Result>,
): AsyncGenerator<Result, void> {
  const underWay: Promise<Result>[] = [];
  for (const value of values) {
    const mapped = map(value);
    // It is told where its turn comes, if it does.
    mapped.catch(() => undefined);
    underWay.push(mapped);
    const [first] = underWay;
    if (underWay.length >= ahead && first !== undefined) {
      yield await first;
      underWay.shift();
    }
  }
  for (const mapped of underWay) yield await mapped;
}
