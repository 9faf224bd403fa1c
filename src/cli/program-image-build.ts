import { type ImageProgram, prepareProgramImage, programImage } from '../compute/program-image.ts';
import { packageRoot } from '../config/package-root.ts';
import { AppError, exitCodes } from '../contracts/errors.ts';
import { type Command, defineCommand } from './command.ts';
import { say } from './output.ts';
import { probeEngine } from './probe-engine.ts';

/** The command that builds the image of one program; `name` is how it is called. */
export function programImageBuild(program: ImageProgram, name: string): Command {
  return defineCommand(
    {
      operands: [],
      options: {
        base: { type: 'string', value: '<image>', summary: 'Build on this image, which has Node 24' },
      },
      details: [
        `Builds ${programImage(program)} in this machine's engine and prints its id.`,
        "Its base is a registry's node where that can be pulled, else made of this machine's own files.",
      ],
      examples: [`agora ${name}`, `agora ${name} --base node:24-alpine`],
    },
    async ({ options: { base } }, context) => {
      const probe = await probeEngine(context.env);
      if (probe.kind !== 'answers') {
        const state = probe.kind === 'none' ? 'no container engine is found' : `${probe.place}: ${probe.reason}`;
        throw new AppError('unreachable', `Cannot build the image of ${program}: ${state}`, { next: 'agora doctor' });
      }
      const onProgress = (line: string) => void say(context.stderr, line);
      const image = await prepareProgramImage(probe.engine, program, { packageRoot, base, onProgress });
      if (image.how === 'present') await say(context.stderr, 'agora: the image is there and current');
      await say(context.stdout, image.imageId);
      return exitCodes.ok;
    },
  );
}
