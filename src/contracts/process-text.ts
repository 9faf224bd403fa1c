import * as z from 'zod';
import { isProcessText } from './nul-character.ts';

export const processTextSchema = z.string().refine(isProcessText, 'must not hold a NUL character');
