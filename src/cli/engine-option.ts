/** The option of every command that works with an engine; it counts as `AGORA_INSECURE_ENGINE=1`. */
export const insecureOption = {
  type: 'boolean',
  summary: 'Use an engine of another machine also at tcp:// without certificates',
} as const;
