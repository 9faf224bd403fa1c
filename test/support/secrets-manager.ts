import { randomInt } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';

/**
 * A stub of AWS Secrets Manager: its JSON protocol over HTTP, as much of it as a store needs, and its faults. No such
 * service can be installed here.
 */
export interface SecretsManager {
  readonly endpoint: string;
  readonly region: string;
  /** Secrets by ARN. */
  readonly secrets: ReadonlyMap<string, StubSecret>;
  /** What was asked, in order, with the region and the key id that the request was signed for. */
  readonly asked: readonly { readonly action: string; readonly region: string; readonly keyId: string }[];
  /** Adds one as a person would; gives its ARN. */
  add(name: string, secret: Partial<Pick<StubSecret, 'SecretString' | 'SecretBinary'>>): string;
  /** The next answers are these failures, one each; `hang` answers never. */
  fail(...faults: readonly (Fault | 'hang')[]): void;
  /** From now on nobody may do this. */
  deny(action: string): void;
}

export interface StubSecret {
  readonly Name: string;
  readonly SecretString?: string;
  /** Base64. */
  readonly SecretBinary?: string;
  readonly Tags: readonly { readonly Key: string; readonly Value: string }[];
}

export interface Fault {
  readonly status: number;
  readonly type: string;
}

interface Wish {
  readonly Name?: string;
  readonly SecretId?: string;
  readonly SecretString?: string;
  readonly Tags?: StubSecret['Tags'];
  readonly Filters?: readonly { readonly Key: string; readonly Values: readonly string[] }[];
  readonly NextToken?: string;
}

const region = 'eu-central-1';
const pageSize = 2;

/** Started on a port of this machine until the test ends. */
export async function startSecretsManager(t: Pick<TestContext, 'after'>): Promise<SecretsManager> {
  const secrets = new Map<string, StubSecret>();
  const asked: { action: string; region: string; keyId: string }[] = [];
  const faults: (Fault | 'hang')[] = [];
  const denied = new Set<string>();
  const add = (name: string, secret: Omit<Partial<StubSecret>, 'Name'>): string => {
    const suffix = Array.from({ length: 6 }, () => 'abcdefghij'[randomInt(10)]).join('');
    const arn = `arn:aws:secretsmanager:${region}:000000000000:secret:${name}-${suffix}`;
    secrets.set(arn, { Name: name, Tags: [], ...secret });
    return arn;
  };
  const answers = answersOf(secrets, add);
  const server = createServer(async (request, response) => {
    const signed = signatureOf(request);
    const action = String(request.headers['x-amz-target']).replace('secretsmanager.', '');
    asked.push({ action, ...signed });
    const wish = JSON.parse(await text(request)) as Wish;
    const fault = denied.has(action) ? { status: 400, type: 'AccessDeniedException' } : faults.shift();
    if (fault === 'hang') return;
    const answer = fault ?? answers[action]?.(wish) ?? { status: 400, type: 'ResourceNotFoundException' };
    const isFault = 'status' in answer;
    response.writeHead(isFault ? Number(answer.status) : 200, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify(isFault ? { __type: answer['type'], message: 'no' } : answer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const fail = (...next: readonly (Fault | 'hang')[]) => void faults.push(...next);
  return {
    endpoint: `http://127.0.0.1:${port}`,
    region,
    secrets,
    asked,
    add,
    fail,
    deny: (action) => void denied.add(action),
  };
}

type Answer = Record<string, unknown> | undefined;

function answersOf(
  secrets: Map<string, StubSecret>,
  add: (name: string, secret: Omit<StubSecret, 'Name'>) => string,
): Record<string, (wish: Wish) => Answer> {
  const found = ({ SecretId = '' }: Wish) => secrets.get(SecretId);
  return {
    GetSecretValue: (wish) => {
      const secret = found(wish);
      return secret && { ARN: wish.SecretId, ...secret };
    },
    DescribeSecret: (wish) => {
      const secret = found(wish);
      return secret && { ARN: wish.SecretId, Name: secret.Name, Tags: secret.Tags };
    },
    CreateSecret: ({ Name = '', SecretString = '', Tags = [] }) => ({ ARN: add(Name, { SecretString, Tags }), Name }),
    DeleteSecret: ({ SecretId = '' }) => (secrets.delete(SecretId) ? { ARN: SecretId } : undefined),
    ListSecrets: ({ Filters = [], NextToken = '0' }) => {
      const prefix = Filters.find(({ Key }) => Key === 'name')?.Values[0]?.toLowerCase() ?? '';
      const all = [...secrets].filter(([, { Name }]) => Name.toLowerCase().startsWith(prefix));
      const end = Number(NextToken) + pageSize;
      const SecretList = all.slice(Number(NextToken), end).map(([ARN, { Name, Tags }]) => ({ ARN, Name, Tags }));
      return { SecretList, ...(end < all.length && { NextToken: String(end) }) };
    },
  };
}

function signatureOf({ headers }: IncomingMessage): { region: string; keyId: string } {
  const [, keyId = '', signedRegion = ''] =
    /Credential=([^/]+)\/\d{8}\/([^/]+)\/secretsmanager\/aws4_request/.exec(headers.authorization ?? '') ?? [];
  return { region: signedRegion, keyId };
}
