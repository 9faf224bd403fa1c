import { stripVTControlCharacters } from 'node:util';

// Joiners stay: scripts and emoji are made of them. What sets the direction of text goes, as it can hide what is there.
const invisible = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Cs}]/gu;

/** A text that anyone may have written, on one line, without what a terminal acts on. */
export function inertLine(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/[^\S ]|\u0085/g, ' ')
    .replace(invisible, '');
}
