// How a check says that something does not hold.

import { isDeepStrictEqual } from 'node:util';

/** What a target throws where a promise was broken. Anything else that is thrown is a finding as well. */
export class BrokenPromise extends Error {}

export function must(holds: boolean, what: () => string): void {
  if (!holds) throw new BrokenPromise(what());
}

/** A value as text, short enough to print. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === 'bigint') return `${part}n`;
    if (part instanceof Map || part instanceof Set) return [...part];
    return part;
  });
  return (text ?? String(value)).slice(0, 2000);
}

/** Equal whatever made them: fast-check's records have no prototype, and bytes may be a Buffer. */
export function same(a: unknown, b: unknown): boolean {
  return isDeepStrictEqual(a, b, { skipPrototype: true });
}
