import * as z from 'zod';
import { isProcessText } from './nul-character.ts';

/** What can be an argument or a variable of a process, and be kept as it is. */
export const processTextSchema = z
  .string()
  .refine(isProcessText, 'must not hold a NUL character')
  .refine((text) => text.isWellFormed(), 'must not hold a lone surrogate');
