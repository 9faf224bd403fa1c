/** Whether a process can be given this as an argument or a variable: a NUL ends both, and whatever follows is another. */
export function isProcessText(text: string): boolean {
  return !text.includes('\0');
}
