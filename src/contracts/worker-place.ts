import * as z from 'zod';

/** Where a worker's files lie, as its supervisor sees them. */
const supervisorPathsSchema = z.strictObject({
  /** What the task is handed, for the supervisor to read: `inNames` says what lies there. */
  in: z.string(),
  out: z.string(),
  git: z.string(),
  outputs: z.string(),
  workspace: z.string(),
  /** A folder of the subagent's that counts against its disk limit: its `/tmp` where that is not memory. */
  scratch: z.string().optional(),
});

/** The surroundings a compute provider gives to a supervisor; everything that differs between providers. */
export const workerPlaceSchema = z.strictObject({
  paths: supervisorPathsSchema,
  /** The same as the subagent sees it: what its environment names. */
  view: z.strictObject({ input: z.string(), outputs: z.string(), workspace: z.string(), home: z.string() }),
  /** The subagent's search path. */
  path: z.string(),
  /** Who the subagent is. Absent: the supervisor's own user. */
  user: z.strictObject({ uid: z.int().positive(), gid: z.int().positive() }).optional(),
  /** The bubblewrap command line up to the subagent's own, for a subagent that runs inside it. */
  sandbox: z.array(z.string()).min(1).optional(),
  /** True in a container: all its processes but the supervisor and init may be killed, and its cgroup is the task's own. */
  isContainer: z.boolean(),
  /** True when the end of stdin means that whoever started the supervisor is gone. */
  endsWithStdin: z.boolean(),
});
export type WorkerPlace = z.infer<typeof workerPlaceSchema>;
