// The work of one `edit-*` item when Claude Code does it: what `code-edit.mjs` does, said in words.
export function claudeEdit(env) {
  return {
    runtime: 'claude-code',
    model: 'fast',
    maxTurns: 20,
    promptTemplate:
      'In the file fixture/{{file}}, rename OLD_NAME to NEW_NAME wherever it occurs. Change nothing else and no other file.',
    // Where the model's API is, if it is not the usual place.
    ...(env.ANTHROPIC_BASE_URL && { env: { ANTHROPIC_BASE_URL: env.ANTHROPIC_BASE_URL } }),
  };
}
