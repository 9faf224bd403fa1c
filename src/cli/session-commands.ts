import type { CommandEntry } from './commands.ts';

/** Those that go into workspaces of hosts. */
export const sessionCommands: Readonly<Record<string, CommandEntry>> = {
  'host logs': {
    summary: 'Print the log of a workspace, an agent, a build or the server',
    ownsSignals: true,
    outlivesReader: true,
    load: () => import('./host-logs.ts').then((file) => file.hostLogs),
  },
  'host exec': {
    summary: 'Run a command in a workspace',
    ownsSignals: true,
    outlivesReader: true,
    load: () => import('./host-exec.ts').then((file) => file.hostExec),
  },
  'host attach': {
    summary: "Be at the terminal of a workspace's main program",
    ownsSignals: true,
    outlivesReader: true,
    load: () => import('./host-attach.ts').then((file) => file.hostAttach),
  },
  'host join': {
    summary: 'View a session too, or come back to one that was left',
    ownsSignals: true,
    outlivesReader: true,
    load: () => import('./host-join.ts').then((file) => file.hostJoin),
  },
  'host sessions': {
    summary: 'List the sessions, or end one',
    load: () => import('./host-sessions.ts').then((file) => file.hostSessions),
  },
  'host proxy': {
    summary: 'Reach ports of a workspace from here',
    ownsSignals: true,
    load: () => import('./host-proxy.ts').then((file) => file.hostProxy),
  },
  'host cp': {
    summary: 'Copy files into a workspace, or out of it',
    ownsSignals: true,
    outlivesReader: true,
    load: () => import('./host-cp.ts').then((file) => file.hostCp),
  },
};
