import type { ProgramSource } from './program-bundle.ts';

/** Imported by dockerode for what we do not ask of it: engines over SSH, BuildKit sessions, contexts from folders. */
const unusedPackages = [
  'ssh2',
  '@grpc/grpc-js',
  '@grpc/proto-loader',
  'protobufjs',
  'tar-fs',
  '@balena/dockerignore',
] as const;

/** Programs that are published as one file. */
export const bundledPrograms = {
  worker: { entryPoint: 'src/worker/main.ts', bundleName: 'dist/worker.cjs' },
  agent: { entryPoint: 'src/cli/agent-main.ts', bundleName: 'dist/agent.cjs', unusedPackages },
  /** Beside the agent in its image, for the container that looks at the host. */
  'helper-main': { entryPoint: 'src/agent/metrics/helper-main.ts', bundleName: 'dist/helper-main.cjs' },
  /** The same for sessions: what signals a command, and what reaches a port of a container. */
  'signal-main': { entryPoint: 'src/engine/signal-main.ts', bundleName: 'dist/signal-main.cjs' },
  'port-relay-main': { entryPoint: 'src/engine/port-relay-main.ts', bundleName: 'dist/port-relay-main.cjs' },
  server: { entryPoint: 'src/cli/server-main.ts', bundleName: 'dist/server.cjs', unusedPackages },
  /** Every command, and the package that a config imports. */
  agora: { entryPoint: 'src/cli/agora-main.ts', bundleName: 'dist/agora.cjs', unusedPackages },
} as const satisfies Readonly<Record<string, ProgramSource>>;
