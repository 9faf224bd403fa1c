import type { Command } from './command.ts';
import { sessionCommands } from './session-commands.ts';

export interface CommandEntry {
  /** One sentence, no period. */
  readonly summary: string;
  /** True for a command that ends in its own way on SIGINT and SIGTERM; the others just stop. */
  readonly ownsSignals?: boolean;
  /** True for a command that has to put something in order when nobody reads its output any more; the others just stop. */
  readonly outlivesReader?: boolean;
  load(): Promise<Command>;
}

/** Every command by the words that call it. Nothing of a command is loaded before it is chosen. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  init: {
    summary: 'Write a config and a first plan for a repository',
    load: () => import('./init.ts').then((file) => file.init),
  },
  demo: {
    summary: 'Run the offload example by itself and check everything it claims',
    ownsSignals: true,
    load: () => import('./demo.ts').then((file) => file.demo),
  },
  doctor: {
    summary: 'Say what this machine offers and what is missing',
    load: () => import('./doctor.ts').then((file) => file.doctor),
  },
  'capabilities register': {
    summary: 'Register the files of a folder as a capability',
    load: () => import('./capabilities-register.ts').then((file) => file.capabilitiesRegister),
  },
  'capabilities sync': {
    summary: 'Register the capabilities that another tool keeps',
    load: () => import('./sync-command.ts').then((file) => file.syncCommand('capabilities')),
  },
  'capabilities list': {
    summary: 'List the capabilities',
    load: () => import('./registered-list.ts').then((file) => file.listCommand('capabilities')),
  },
  'capabilities get': {
    summary: 'Print a capability as it is registered',
    load: () => import('./registered-get.ts').then((file) => file.getCommand('capabilities')),
  },
  'capabilities remove': {
    summary: 'Forget the name of a capability',
    load: () => import('./registered-remove.ts').then((file) => file.removeCommand('capabilities')),
  },
  'subagent register': {
    summary: 'Register what a subagent is told and what drives it',
    load: () => import('./subagent-register.ts').then((file) => file.subagentRegister),
  },
  'subagent sync': {
    summary: 'Register the subagents that another tool keeps',
    load: () => import('./sync-command.ts').then((file) => file.syncCommand('subagent')),
  },
  'subagent list': {
    summary: 'List the subagents',
    load: () => import('./registered-list.ts').then((file) => file.listCommand('subagent')),
  },
  'subagent get': {
    summary: 'Print a subagent as it is registered',
    load: () => import('./registered-get.ts').then((file) => file.getCommand('subagent')),
  },
  'subagent remove': {
    summary: 'Forget the name of a subagent',
    load: () => import('./registered-remove.ts').then((file) => file.removeCommand('subagent')),
  },
  'env register': {
    summary: 'Register variables and secrets as an env',
    load: () => import('./env-register.ts').then((file) => file.envRegister),
  },
  'env list': {
    summary: 'List the envs',
    load: () => import('./registered-list.ts').then((file) => file.listCommand('env')),
  },
  'env get': {
    summary: 'Print an env as it is registered',
    load: () => import('./registered-get.ts').then((file) => file.getCommand('env')),
  },
  'env remove': {
    summary: 'Forget the name of an env',
    load: () => import('./registered-remove.ts').then((file) => file.removeCommand('env')),
  },
  'pipeline register': {
    summary: 'Register the blocks a dispatch goes through',
    load: () => import('./pipeline-register.ts').then((file) => file.pipelineRegister),
  },
  'pipeline list': {
    summary: 'List the pipelines',
    load: () => import('./registered-list.ts').then((file) => file.listCommand('pipeline')),
  },
  'pipeline get': {
    summary: 'Print a pipeline as it is registered',
    load: () => import('./registered-get.ts').then((file) => file.getCommand('pipeline')),
  },
  'pipeline remove': {
    summary: 'Forget the name of a pipeline',
    load: () => import('./registered-remove.ts').then((file) => file.removeCommand('pipeline')),
  },
  deploy: {
    summary: 'Register everything a manifest says, all or nothing',
    load: () => import('./deploy.ts').then((file) => file.deploy),
  },
  'dispatch run': {
    summary: 'Run a subagent once and wait for its end',
    ownsSignals: true,
    load: () => import('./dispatch-run.ts').then((file) => file.dispatchRun),
  },
  'dispatch describe': {
    summary: 'Print what is known of a dispatch',
    load: () => import('./dispatch-describe.ts').then((file) => file.dispatchDescribe),
  },
  'dispatch list': {
    summary: 'List the dispatches',
    load: () => import('./dispatch-list.ts').then((file) => file.dispatchList),
  },
  'dispatch logs': {
    summary: 'Print what a dispatch printed',
    load: () => import('./dispatch-logs.ts').then((file) => file.dispatchLogs),
  },
  'dispatch answer': {
    summary: 'Answer what a dispatch asks, and go on',
    ownsSignals: true,
    load: () => import('./dispatch-answer.ts').then((file) => file.dispatchAnswer),
  },
  'dispatch shell': {
    summary: 'Open a shell in the worktree of a running dispatch',
    ownsSignals: true,
    outlivesReader: true,
    load: () => import('./dispatch-shell.ts').then((file) => file.dispatchShell),
  },
  'dispatch cancel': {
    summary: 'Stop a dispatch',
    load: () => import('./dispatch-cancel.ts').then((file) => file.dispatchCancel),
  },
  gc: {
    summary: 'Remove what crashes left of this project',
    load: () => import('./gc.ts').then((file) => file.gc),
  },
  'orch serve': {
    summary: 'Run the daemon that executes runs',
    ownsSignals: true,
    load: () => import('./orch-serve.ts').then((file) => file.orchServe),
  },
  'orch submit': {
    summary: 'Hand a plan to the daemon and print its run id',
    load: () => import('./orch-submit.ts').then((file) => file.orchSubmit),
  },
  'orch validate': {
    summary: 'Check a plan without submitting it',
    load: () => import('./orch-validate.ts').then((file) => file.orchValidate),
  },
  'orch watch': {
    summary: 'Follow a run to its end',
    load: () => import('./orch-watch.ts').then((file) => file.orchWatch),
  },
  'orch status': {
    summary: 'Print where a run stands',
    load: () => import('./orch-status.ts').then((file) => file.orchStatus),
  },
  'orch runs': {
    summary: 'List the runs',
    load: () => import('./orch-runs.ts').then((file) => file.orchRuns),
  },
  'orch answer': {
    summary: 'Answer the question an item waits with',
    load: () => import('./orch-answer.ts').then((file) => file.orchAnswer),
  },
  'orch cancel': {
    summary: 'Ask the daemon to cancel a run or one item',
    load: () => import('./orch-cancel.ts').then((file) => file.orchCancel),
  },
  'orch audit': {
    summary: "Print a run's audit bundle, verified afresh",
    load: () => import('./orch-audit.ts').then((file) => file.orchAudit),
  },
  'orch patch': {
    summary: 'Print the patches a run made',
    load: () => import('./orch-patch.ts').then((file) => file.orchPatch),
  },
  'orch apply': {
    summary: "Apply a run's patches to the directory it started from",
    load: () => import('./orch-apply.ts').then((file) => file.orchApply),
  },
  'orch build': {
    summary: 'Build the image of the daemon',
    load: () => import('./program-image-build.ts').then((file) => file.programImageBuild('serve', 'orch build')),
  },
  'artifact get': {
    summary: 'Fetch stored bytes, checked against their hash',
    load: () => import('./artifact-get.ts').then((file) => file.artifactGet),
  },
  verify: {
    summary: 'Verify an audit bundle offline',
    load: () => import('./verify.ts').then((file) => file.verify),
  },
  'agent build': {
    summary: "Build the agent's image",
    load: () => import('./program-image-build.ts').then((file) => file.programImageBuild('agent', 'agent build')),
  },
  'server build': {
    summary: "Build the server's image",
    load: () => import('./program-image-build.ts').then((file) => file.programImageBuild('server', 'server build')),
  },
  'worker build': {
    summary: 'Build the worker image',
    load: () => import('./worker-build.ts').then((file) => file.workerBuild),
  },
  'worker push': {
    summary: "Bring the worker image to another machine's engine",
    load: () => import('./worker-push.ts').then((file) => file.workerPush),
  },
  server: {
    summary: 'Serve a fleet of hosts',
    ownsSignals: true,
    load: () => import('./server.ts').then((file) => file.server),
  },
  agent: {
    summary: 'Keep this host as its server declares it',
    ownsSignals: true,
    load: () => import('./agent.ts').then((file) => file.agent),
  },
  'server token': {
    summary: 'Make another token of an admin, for who lost theirs',
    load: () => import('./server-token.ts').then((file) => file.serverToken),
  },
  'server backup': {
    summary: 'Write all that a server keeps to one file',
    load: () => import('./server-backup.ts').then((file) => file.serverBackup),
  },
  'server restore': {
    summary: 'Make the folder of a server from a backup',
    load: () => import('./server-restore.ts').then((file) => file.serverRestore),
  },
  login: {
    summary: 'Sign in to a server',
    load: () => import('./login.ts').then((file) => file.login),
  },
  logout: {
    summary: 'Forget the token for a server',
    load: () => import('./logout.ts').then((file) => file.logout),
  },
  'context list': {
    summary: 'List the servers you are signed in to',
    load: () => import('./context-list.ts').then((file) => file.contextList),
  },
  'context use': {
    summary: 'Choose the server that commands ask',
    load: () => import('./context-use.ts').then((file) => file.contextUse),
  },
  'context remove': {
    summary: 'Forget a server and the token for it',
    load: () => import('./context-remove.ts').then((file) => file.contextRemove),
  },
  'token list': {
    summary: 'List the tokens that let people or hosts in',
    load: () => import('./token-list.ts').then((file) => file.tokenList),
  },
  'token create': {
    summary: 'Make a token for yourself, or one that admits hosts',
    load: () => import('./token-create.ts').then((file) => file.tokenCreate),
  },
  'token revoke': {
    summary: 'Revoke a token',
    load: () => import('./token-revoke.ts').then((file) => file.tokenRevoke),
  },
  'user list': {
    summary: 'List the users of a server',
    load: () => import('./user-list.ts').then((file) => file.userList),
  },
  'user add': {
    summary: 'Add a user and print their first token',
    load: () => import('./user-add.ts').then((file) => file.userAdd),
  },
  'user role': {
    summary: 'Change what a user may do',
    load: () => import('./user-role.ts').then((file) => file.userRole),
  },
  'user remove': {
    summary: 'Remove a user and their tokens',
    load: () => import('./user-remove.ts').then((file) => file.userRemove),
  },
  activity: {
    summary: 'List what was done on a server',
    load: () => import('./activity.ts').then((file) => file.activity),
  },
  'host ls': {
    summary: 'List the hosts: their link, agent and engine',
    load: () => import('./host-ls.ts').then((file) => file.hostLs),
  },
  'host approve': {
    summary: 'Admit a host',
    load: () => import('./host-approve.ts').then((file) => file.hostApprove),
  },
  'host revoke': {
    summary: 'Let a host in no more',
    load: () => import('./host-revoke.ts').then((file) => file.hostRevoke),
  },
  'host rotate': {
    summary: 'Have a host make new keys',
    load: () => import('./host-rotate.ts').then((file) => file.hostRotate),
  },
  'host rm': {
    summary: 'Forget a host',
    load: () => import('./host-rm.ts').then((file) => file.hostRm),
  },
  'host rename': {
    summary: 'Give a host another name',
    load: () => import('./host-rename.ts').then((file) => file.hostRename),
  },
  'host set': {
    summary: 'Print or change the settings of a host',
    load: () => import('./host-set.ts').then((file) => file.hostSet),
  },
  'host build ls': {
    summary: 'List what a host builds and has built',
    load: () => import('./host-build-ls.ts').then((file) => file.hostBuildLs),
  },
  'host build log': {
    summary: 'Print the log of a build',
    load: () => import('./host-build-log.ts').then((file) => file.hostBuildLog),
  },
  'host build cancel': {
    summary: 'End a build',
    load: () => import('./host-build-cancel.ts').then((file) => file.hostBuildCancel),
  },
  'host history': {
    summary: 'List what was declared for a host',
    load: () => import('./host-history.ts').then((file) => file.hostHistory),
  },
  'host plan': {
    summary: 'Print the steps that a spec would take',
    load: () => import('./host-plan.ts').then((file) => file.hostPlan),
  },
  'host diff': {
    summary: 'Print what a spec says otherwise than what is declared',
    load: () => import('./host-diff.ts').then((file) => file.hostDiff),
  },
  'host apply': {
    summary: 'Declare what a host shall be like',
    load: () => import('./host-apply.ts').then((file) => file.hostApply),
  },
  'host status': {
    summary: 'Print how a host is, and how far its spec has come',
    load: () => import('./host-status.ts').then((file) => file.hostStatus),
  },
  'host stats': {
    summary: 'Print what hosts measure, now and over time',
    load: () => import('./host-stats.ts').then((file) => file.hostStats),
  },
  'alert ls': {
    summary: 'List the alerts',
    load: () => import('./alert-ls.ts').then((file) => file.alertLs),
  },
  'alert rules': {
    summary: 'List when alerts are raised, and where they go',
    load: () => import('./alert-rules.ts').then((file) => file.alertRules),
  },
  'alert set': {
    summary: 'Change when alerts are raised, or where they go',
    load: () => import('./alert-set.ts').then((file) => file.alertSet),
  },
  'alert test': {
    summary: 'Send a test to each place that alerts go to',
    load: () => import('./alert-test.ts').then((file) => file.alertTest),
  },
  ...sessionCommands,
  'host rollback': {
    summary: 'Declare again what was declared before',
    load: () => import('./host-rollback.ts').then((file) => file.hostRollback),
  },
  'host export': {
    summary: 'Print what is declared as YAML',
    load: () => import('./host-export.ts').then((file) => file.hostExport),
  },
  completion: {
    summary: 'Print what completes commands in a shell',
    load: () => import('./completion.ts').then((file) => file.completion),
  },
};
