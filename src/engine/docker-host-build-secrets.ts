import * as z from 'zod';
import { Redactor } from '../base/redact.ts';
import type { DockerCall, DockerConnection } from './docker-connection.ts';
import { ask } from './docker-request.ts';

const historySchema = z.array(z.object({ CreatedBy: z.string().nullish(), Comment: z.string().nullish() }));
const imageSchema = z.object({
  RepoTags: z.array(z.string()).nullish(),
  Config: z.unknown(),
  ContainerConfig: z.unknown(),
});

export interface BuiltImage {
  readonly call: DockerCall;
  /** Its id. */
  readonly image: string;
  readonly secrets: Readonly<Record<string, string>>;
}

/** The first secret that whoever has the image can read in its history or settings; undefined when there is none. */
export async function firstToldSecret(
  connection: DockerConnection,
  { call, image, secrets }: BuiltImage,
): Promise<{ readonly name: string; readonly hasTags: boolean } | undefined> {
  const path = `/images/${image}`;
  const history = await ask(connection, call, { method: 'GET', path: `${path}/history`, answer: historySchema });
  const settings = await ask(connection, call, { method: 'GET', path: `${path}/json`, answer: imageSchema });
  const { RepoTags: tags, ...config } = settings;
  const texts = [
    ...history.flatMap(({ CreatedBy, Comment }) => [CreatedBy ?? '', Comment ?? '']),
    JSON.stringify(config),
  ];
  const name = Object.entries(secrets).find(([variable, value]) => tells(texts, variable, value))?.[0];
  return name === undefined ? undefined : { name, hasTags: (tags ?? []).length > 0 };
}

/** Short values are found only where they are given to their variable: elsewhere they may be anything. */
function tells(texts: readonly string[], variable: string, value: string): boolean {
  const redactor = new Redactor({ [variable]: value });
  return texts.some((text) => redactor.holds(text) || (value !== '' && text.includes(`${variable}=${value}`)));
}
