import { item } from './shell-project.ts';

export interface BadPlan {
  /** Also the id of its run, where it has one. */
  readonly name: string;
  readonly content: string;
  /** What must be said of it, each with its path. */
  readonly says: readonly RegExp[];
}

const only = item('only', 'true');
const planOf = (name: string, items: readonly object[], more: object = {}) =>
  JSON.stringify({ id: name, items, ...more });

/** A plan for each way to be wrong that a daemon must survive. */
export const badPlans: readonly BadPlan[] = [
  { name: 'not-json', content: '{"id": "not-json", "items": [', says: [/line 1/] },
  { name: 'not-utf8', content: '{"id": "not-utf8", "items": "\u{d800}"', says: [/line 1/] },
  {
    name: 'double-keys',
    content: `{"id":"double-keys","items":[{"id":"a","id":"b"}],"queue":"default"}`,
    says: [/items\[0\]\.id: /],
  },
  {
    name: 'unknown-keys',
    content: planOf('unknown-keys', [{ ...only, dependsOn: [], retry: { attempt: 2 } }], { colour: 'red' }),
    says: [/ colour: unknown/, /items\[0\]\.dependsOn: .*depends_on/, /items\[0\]\.retry\.attempt: .*attempts/],
  },
  {
    name: 'double-ids',
    content: planOf('double-ids', [only, item('other', 'true'), only]),
    says: [/items\[2\]\.id: .*items\[0\]/],
  },
  {
    name: 'cycle',
    content: planOf('cycle', [item('a', 'true', { depends_on: ['b'] }), item('b', 'true', { depends_on: ['a'] })]),
    says: [/items\[\d\]\.depends_on: a cycle: a -> b -> a/],
  },
  { name: 'large-cycle', content: planOf('large-cycle', ring(100_000)), says: [/depends_on: a cycle: .*99994 more/] },
  {
    name: 'unknown-names',
    content: planOf(
      'unknown-names',
      [
        { ...only, executor: 'dispath', depends_on: ['nobody'] },
        { id: 'b', inputs: { subagent: 'shel' } },
      ],
      {
        queue: 'defualt',
      },
    ),
    says: [
      / queue: .*"defualt".*default/,
      /items\[0\]\.executor: .*"dispath".*dispatch/,
      /items\[0\]\.depends_on\[0\]: .*"nobody"/,
      /items\[1\]\.inputs\.subagent: .*"shel".*shell/,
    ],
  },
  {
    name: 'unsafe-ids',
    content: planOf('unsafe-ids', [
      { ...only, id: '../../escape' },
      { ...only, id: '' },
      { ...only, id: 'a b' },
    ]),
    says: [/items\[0\]\.id: /, /items\[1\]\.id: /, /items\[2\]\.id: /],
  },
  { name: 'no-items', content: planOf('no-items', []), says: [/items: /] },
  { name: 'no-plan', content: '[]', says: [/the plan: /] },
  {
    name: 'long-string',
    content: planOf('long-string', [item('only', 'x'.repeat(10_000_000))]),
    says: [/items\[0\]\.inputs\.workerInput\.script: /],
  },
  {
    name: 'deep',
    content: `{"id":"deep","items":[{"id":"a","inputs":{"workerInput":${'['.repeat(200_000)}${']'.repeat(200_000)}}}]}`,
    says: [/items\[0\]\.inputs\.workerInput\[0\]\[0\]/],
  },
  { name: 'too-large', content: ' '.repeat(67 * 1024 * 1024), says: [/67\.0 MiB|702\d+ bytes/] },
];

function ring(size: number): object[] {
  return Array.from({ length: size }, (_, index) => ({
    ...only,
    id: `i${index}`,
    depends_on: [`i${(index + 1) % size}`],
  }));
}
