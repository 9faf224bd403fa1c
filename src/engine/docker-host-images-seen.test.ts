import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ObservedImage } from '../contracts/host-observation.ts';
import { SeenImages } from './docker-host-images-seen.ts';

function countedSeen() {
  const seen = new SeenImages();
  const counted = { seen, asked: 0, look: (): Promise<ObservedImage[]> => Promise.resolve([]) };
  counted.look = () =>
    seen.list(async () => {
      counted.asked += 1;
      return [];
    });
  return counted;
}

test('images are asked for once while events are followed, and each time while they are not', async () => {
  const counted = countedSeen();

  await counted.look();
  await counted.look();
  assert.equal(counted.asked, 2);
  counted.seen.followed();
  await counted.look();
  await counted.look();
  assert.equal(counted.asked, 3);
  counted.seen.lost();
  await counted.look();
  assert.equal(counted.asked, 4);
});

test('an event, a call that changes images and a change while they are asked for make them be asked for again', async () => {
  const counted = countedSeen();
  counted.seen.followed();
  const failing = counted.seen.changing(() => Promise.reject(new Error('no space')));

  await counted.look();
  counted.seen.changed();
  await counted.look();
  await assert.rejects(failing());
  await counted.look();
  assert.equal(counted.asked, 3);

  counted.seen.changed();
  const asking = counted.look();
  counted.seen.changed();
  await asking;
  await counted.look();
  assert.equal(counted.asked, 5);
});
