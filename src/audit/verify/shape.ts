import { Refusal } from './refusal.ts';

/** Reads an unknown value as T, or throws a Refusal naming the place. */
export type Shape<T> = (value: unknown, path: string) => T;
export type Shaped<S> = S extends Shape<infer T> ? T : never;

type Shapes = Readonly<Record<string, Shape<unknown>>>;
type Members<S extends Shapes> = { readonly [K in keyof S]: Shaped<S[K]> };

export function text(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new Refusal(path, 'must be a string');
  return value;
}

export function integer(value: unknown, path: string): number {
  if (!Number.isSafeInteger(value)) throw new Refusal(path, 'must be an integer');
  return value as number;
}

export function count(value: unknown, path: string): number {
  const number = integer(value, path);
  if (number < 0) throw new Refusal(path, 'must not be negative');
  return number;
}

export function anything(value: unknown): unknown {
  return value;
}

export function matching(pattern: RegExp, form: string): Shape<string> {
  return (value, path) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw new Refusal(path, `must be ${form}`);
    return value;
  };
}

export function oneOf<const T extends string | number>(...allowed: readonly T[]): Shape<T> {
  return (value, path) => {
    if (!allowed.includes(value as T)) throw new Refusal(path, `must be ${allowed.join(' or ')}`);
    return value as T;
  };
}

export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return (value, path) => (value === null ? null : shape(value, path));
}

/** True, or left out. */
export function yes(value: unknown, path: string): true {
  if (value !== true) throw new Refusal(path, 'must be true');
  return value;
}

/** A string, an integer or a boolean. */
export function scalar(value: unknown, path: string): string | number | boolean {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  return integer(value, path);
}

export function listOf<T>(shape: Shape<T>): Shape<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new Refusal(path, 'must be an array');
    return value.map((element, index) => shape(element, `${path}[${index}]`));
  };
}

export function mapOf<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value, path) => {
    const members = asMembers(value, path);
    for (const name of Object.keys(members)) shape(members[name], memberPath(path, name));
    return members as Readonly<Record<string, T>>;
  };
}

/** An object with exactly these members; those of `optional` may be left out. */
export function object<R extends Shapes, O extends Shapes = Record<never, never>>(
  required: R,
  optional?: O,
): Shape<Members<R> & Partial<Members<O>>> {
  const requiredNames = Object.keys(required);
  return (value, path) => {
    const members = asMembers(value, path);
    for (const name of requiredNames) {
      if (!Object.hasOwn(members, name)) throw new Refusal(memberPath(path, name), 'is missing');
    }
    for (const name of Object.keys(members)) {
      const shape = Object.hasOwn(required, name) ? required[name] : optionalShape(optional, name);
      if (shape === undefined) throw new Refusal(memberPath(path, name), 'is not a known member');
      shape(members[name], memberPath(path, name));
    }
    return members as Members<R> & Partial<Members<O>>;
  };
}

function optionalShape(shapes: Shapes | undefined, name: string): Shape<unknown> | undefined {
  return shapes !== undefined && Object.hasOwn(shapes, name) ? shapes[name] : undefined;
}

function asMembers(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refusal(path, 'must be an object');
  }
  return value as Readonly<Record<string, unknown>>;
}

function memberPath(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
