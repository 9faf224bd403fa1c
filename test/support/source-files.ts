import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

export const repositoryRoot = join(import.meta.dirname, '..', '..');
export const sourceRoot = join(repositoryRoot, 'src');

export interface SourceImport {
  readonly specifier: string;
  /** `type` is erased, `static` loads with the file, `dynamic` at a call. */
  readonly kind: 'type' | 'static' | 'dynamic';
}

export interface SourceFile {
  /** Relative to the folder that was read, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly SourceImport[];
}

/** Every TypeScript file below a folder. */
export function readSourceFiles(root: string): SourceFile[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => {
      const full = join(entry.parentPath, entry.name);
      const text = readFileSync(full, 'utf8');
      return { path: relative(root, full), text, imports: findImports(text) };
    })
    .sort((left, right) => left.path.localeCompare(right.path));
}

export function isTestFile(path: string): boolean {
  return /(\.(test|suite)|\/suite-[\w-]+)\.ts$/.test(path);
}

/** The imported file relative to the root, or undefined for a package or a part of Node. */
export function importedFile(importer: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? join(dirname(importer), specifier) : undefined;
}

/** Text without comments; strings that hold `//` lose their rest, which is fine for what we look for. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');
}

export function findImports(text: string): SourceImport[] {
  const code = withoutComments(text);
  const found: SourceImport[] = [];
  for (const match of code.matchAll(/^(?:import|export)\s+([^'";]*?)\bfrom\s*['"]([^'"]+)['"]/gm)) {
    const [, clause = '', specifier = ''] = match;
    found.push({ specifier, kind: isTypeClause(clause) ? 'type' : 'static' });
  }
  for (const match of code.matchAll(/^import\s*['"]([^'"]+)['"]/gm)) {
    found.push({ specifier: match[1] ?? '', kind: 'static' });
  }
  for (const match of code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    found.push({ specifier: match[1] ?? '', kind: 'dynamic' });
  }
  return found;
}

/** `type { … }`, or `{ type A, type B }`, of which nothing is left at run time. */
function isTypeClause(clause: string): boolean {
  if (clause.startsWith('type ')) return true;
  const braces = /^\{([\s\S]*)\}\s*$/.exec(clause.trim());
  if (braces === null) return false;
  const names = (braces[1] ?? '').split(',').map((name) => name.trim());
  return names.filter((name) => name !== '').every((name) => name.startsWith('type '));
}
