import * as z from 'zod';
import { familiarReference } from '../base/image-reference.ts';
import type { ObservedImage, ObservedNetwork, ObservedVolume } from '../contracts/host-observation.ts';
import type { DockerConnection } from './docker-connection.ts';
import { observeContainers, type SeenContainers } from './docker-host-containers-seen.ts';
import { ask } from './docker-request.ts';
import type { HostEngine } from './host-engine.ts';

type ObserveCalls = Pick<HostEngine, 'observeContainers' | 'observeNetworks' | 'observeVolumes' | 'observeImages'>;

const labelsSchema = z.record(z.string(), z.string()).nullish();
const networksSchema = z.array(
  z.object({ Id: z.string(), Name: z.string(), Driver: z.string(), Labels: labelsSchema }),
);
const volumesSchema = z.object({
  Volumes: z.array(z.object({ Name: z.string(), Driver: z.string(), Labels: labelsSchema })).nullish(),
});
const imagesSchema = z.array(
  z.object({
    Id: z.string(),
    RepoTags: z.array(z.string()).nullish(),
    RepoDigests: z.array(z.string()).nullish(),
    Size: z.number(),
    Labels: labelsSchema,
  }),
);
/** What an engine has. `seen` goes on from call to call. */
export function hostObserveCalls(connection: DockerConnection, seen: SeenContainers): ObserveCalls {
  return {
    observeContainers: (signal) => observeContainers(connection, seen, signal),
    observeNetworks: (signal) => observeNetworks(connection, signal),
    observeVolumes: (signal) => observeVolumes(connection, signal),
    observeImages: async (signal) => {
      const line = { method: 'GET', path: '/images/json', answer: imagesSchema } as const;
      return (await ask(connection, { action: 'list images', signal }, line)).map(observedImage);
    },
  };
}

async function observeNetworks(connection: DockerConnection, signal?: AbortSignal): Promise<ObservedNetwork[]> {
  const line = { method: 'GET', path: '/networks', answer: networksSchema } as const;
  const found = await ask(connection, { action: 'list networks', signal }, line);
  return found.map(({ Id, Name, Driver, Labels }) => ({ id: Id, name: Name, driver: Driver, labels: Labels ?? {} }));
}

async function observeVolumes(connection: DockerConnection, signal?: AbortSignal): Promise<ObservedVolume[]> {
  const line = { method: 'GET', path: '/volumes', answer: volumesSchema } as const;
  const { Volumes: found } = await ask(connection, { action: 'list volumes', signal }, line);
  return (found ?? []).map(({ Name, Driver, Labels }) => ({ name: Name, driver: Driver, labels: Labels ?? {} }));
}

function observedImage(image: z.infer<typeof imagesSchema>[number]): ObservedImage {
  const isNamed = (reference: string) => !reference.startsWith('<none>');
  return {
    id: image.Id,
    tags: (image.RepoTags ?? []).filter(isNamed).map(familiarReference),
    repositoryDigests: (image.RepoDigests ?? []).filter(isNamed).map(familiarReference),
    sizeBytes: image.Size,
    labels: image.Labels ?? {},
  };
}
