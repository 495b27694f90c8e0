// Interned strings of one message: index 0 is "absent", index n is strings[n - 1].

import { limits } from './limits.ts';
import { boundedCount, checkedName, refuse } from './refusal.ts';

/** Collects the strings of a message being encoded. */
export interface Interner {
  readonly strings: string[];
  index(text: string | undefined): number;
}

export function createInterner(): Interner {
  const strings: string[] = [];
  const indexes = new Map<string, number>();
  return {
    strings,
    index(text) {
      if (text === undefined) return 0;
      const known = indexes.get(text);
      if (known !== undefined) return known;
      indexes.set(text, strings.push(text));
      return strings.length;
    },
  };
}

/** Looks up the strings of a decoded message. `optional` reads index 0 as absent, `required` refuses it. */
export interface StringTable {
  optional(index: number, where: string): string | undefined;
  required(index: number, where: string): string;
}

export function openStringTable(strings: readonly string[]): StringTable {
  boundedCount(strings.length, limits.strings, 'strings');
  for (const text of strings) checkedName(text, limits.stringCharacters, 'strings');
  const required = (index: number, where: string): string =>
    strings[index - 1] ?? refuse(where, `string ${index}`, `1 to ${strings.length}`);
  return { required, optional: (index, where) => (index === 0 ? undefined : required(index, where)) };
}
