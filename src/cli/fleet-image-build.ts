import { type FleetProgram, fleetImages, prepareFleetImage } from '../compute/program-image.ts';
import { packageRoot } from '../config/package-root.ts';
import { AppError, exitCodes } from '../contracts/errors.ts';
import { type Command, defineCommand } from './command.ts';
import { say } from './output.ts';
import { probeEngine } from './probe-engine.ts';

/** The command that builds the image of one program of a fleet. */
export function fleetImageBuild(program: FleetProgram): Command {
  return defineCommand(
    {
      operands: [],
      options: {
        base: { type: 'string', value: '<image>', summary: 'Build on this image, which has Node 24' },
      },
      details: [
        `Builds ${fleetImages[program]} in this machine's engine and prints its id.`,
        "Its base is a registry's node where that can be pulled, else made of this machine's own files.",
      ],
      examples: [`agora ${program} build`, `agora ${program} build --base node:24-alpine`],
    },
    async ({ options: { base } }, context) => {
      const probe = await probeEngine(context.env);
      if (probe.kind !== 'answers') {
        const state = probe.kind === 'none' ? 'no container engine is found' : `${probe.place}: ${probe.reason}`;
        throw new AppError('unreachable', `Cannot build the ${program}'s image: ${state}`, { next: 'agora doctor' });
      }
      const onProgress = (line: string) => void say(context.stderr, line);
      const image = await prepareFleetImage(probe.engine, program, { packageRoot, base, onProgress });
      if (image.how === 'present') await say(context.stderr, 'agora: the image is there and current');
      await say(context.stdout, image.imageId);
      return exitCodes.ok;
    },
  );
}
