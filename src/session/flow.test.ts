import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flow } from './flow.ts';

test('data is taken in its order, up to the credit, until the end', () => {
  const flow = new Flow(10, 10);

  assert.equal(flow.data(10, 6), undefined);
  assert.equal(flow.room, 4);
  assert.match(flow.data(16, 5) ?? '', /past the credit of 20/);
  assert.equal(flow.credit(26), undefined);
  assert.equal(flow.data(16, 5), undefined);
  assert.equal(flow.end(21), undefined);
  assert.match(flow.data(21, 1) ?? '', /after the end/);
  assert.equal(flow.room, 0);
});

test('what was sent twice, too early, or ends elsewhere is told', () => {
  const flow = new Flow(0, 100);
  flow.data(0, 10);

  assert.match(flow.data(0, 10) ?? '', /offset 0 was sent already/);
  assert.match(flow.data(11, 1) ?? '', /offset 11 came before 10/);
  assert.match(flow.end(9) ?? '', /sent already/);
  assert.equal(flow.next, 10);
});

test('it may begin with less than a window, and never with more or with less than nothing', () => {
  assert.deepEqual(
    [new Flow(10, 100, 30), new Flow(10, 100, 9_999), new Flow(10, 100, 5)].map(({ room }) => room),
    [20, 100, 0],
  );
});

test('credit that came late takes nothing back', () => {
  const flow = new Flow(0, 100);

  flow.credit(50);

  assert.equal(flow.room, 100);
});

test('a gap moves what comes next, and the credit with it; it never goes back', () => {
  const flow = new Flow(0, 100);
  flow.data(0, 60);

  assert.equal(flow.gap(1_000), undefined);
  assert.equal(flow.room, 40);
  assert.equal(flow.data(1_000, 40), undefined);
  assert.match(flow.gap(5) ?? '', /goes back/);
});

test('credit for more than the window is told, and gives nothing', () => {
  const flow = new Flow(0, 100);
  flow.data(0, 60);

  assert.match(flow.credit(161) ?? '', /more than the window/);
  assert.equal(flow.room, 40);
  assert.equal(flow.credit(160), undefined);
  assert.equal(flow.room, 100);
});
