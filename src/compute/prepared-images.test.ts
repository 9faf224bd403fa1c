import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '../contracts/errors.ts';
import { PreparedImages } from './prepared-images.ts';

/** An engine whose images are `there`; each preparation adds one. */
function anEngine() {
  const there = new Set<string>();
  let made = 0;
  const prepare = async () => {
    const id = `image-${++made}`;
    there.add(id);
    return id;
  };
  return { there, prepare, isThere: async (id: string) => there.has(id) };
}

test('an image is made ready once for all who ask at once, and once more when it was removed', async () => {
  const engine = anEngine();
  const images = new PreparedImages(engine);

  const first = await Promise.all([images.find('command'), images.find('command')]);
  const again = await images.find('command');
  engine.there.clear();
  const afterwards = await Promise.all([images.find('command'), images.find('command')]);

  assert.deepEqual([...first, again], ['image-1', 'image-1', 'image-1']);
  assert.deepEqual(afterwards, ['image-2', 'image-2']);
});

test('a preparation that failed is tried again', async () => {
  const engine = anEngine();
  let isAway = true;
  const prepare = async () => {
    if (isAway) throw new AppError('unreachable', 'Cannot reach the engine: it is away');
    return engine.prepare();
  };
  const images = new PreparedImages({ ...engine, prepare });

  await assert.rejects(images.find('command'), { code: 'unreachable' });
  isAway = false;

  assert.equal(await images.find('command'), 'image-1');
});
