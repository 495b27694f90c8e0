// What stood in our table that should not have, or the other way round, told object by object: from nft's listings before a load of
// ours and after it. For people who must know what a stranger did while nobody listened; nothing is decided by it.

import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';

/** `text`: of `nft -s list table`; `epoch`: under which its rules were made, so that another epoch alone is no difference. */
export interface ListedTable {
  readonly text: string;
  readonly epoch: number;
}

/** It holds the words of a transaction, no rules (transaction.ts), and is there from the first preparation on. */
const preparation = 'chain preparation';

/** "chain changed: input", "map added: mine"; empty where both hold the same. `text` of a table that is not there is empty. */
export function tableDifferences(before: ListedTable, after: ListedTable, marks: MarkLayout): readonly string[] {
  if (before.text === '') return after.text === '' ? [] : ['table deleted'];
  const found = readObjects(before, marks);
  const right = readObjects(after, marks);
  const differences: string[] = [];
  for (const [name, text] of found) {
    const wanted = right.get(name);
    if (wanted === undefined) differences.push(named('added', name));
    else if (wanted !== text) differences.push(named('changed', name));
  }
  for (const name of right.keys()) if (!found.has(name)) differences.push(named('deleted', name));
  return differences;
}

/**
 * Without what a change of ours that was cut short leaves behind: objects that are looked in by nothing of ours. A chain with a hook
 * is never left over.
 */
export function withoutLeftovers(differences: readonly string[], before: ListedTable): readonly string[] {
  return differences.filter((difference) => {
    const added = /^(\S+) added: (\S+)$/.exec(difference);
    if (added === null) return true;
    const [, kind = '', name = ''] = added;
    return kind === 'chain' && before.text.includes(`\tchain ${name} {\n\t\ttype `);
  });
}

function named(what: string, object: string): string {
  const [kind, name] = object.split(' ');
  return name === undefined ? `${kind} ${what}` : `${kind} ${what}: ${name}`;
}

/** By kind and name; what stands in no block is the table's own (its flags). The chain of the state rule says what all others do. */
function readObjects({ text, epoch }: ListedTable, marks: MarkLayout): ReadonlyMap<string, string> {
  const objects = new Map<string, string>();
  let name = 'table';
  for (const line of text.split('\n')) {
    const opened = /^\t(\S+) (\S+) \{/.exec(line);
    if (opened !== null) name = `${opened[1]} ${opened[2]}`;
    if (line === '') continue;
    objects.set(name, `${objects.get(name) ?? ''}${withoutEpoch(line, epoch, marks)}\n`);
    if (/^\t\}/.test(line)) name = 'table';
  }
  objects.delete(preparation);
  return objects;
}

function withoutEpoch(line: string, epoch: number, marks: MarkLayout): string {
  const { epochMask } = marks;
  if (line.includes('revision=')) return line.replace(/revision=\d+ epoch=\d+ digest=\S+.*/, '');
  if (!line.includes('ct mark')) return line;
  return line.replaceAll(/0x[0-9a-f]+/g, (word) => {
    const value = Number(word);
    return (value & epochMask) >>> 0 === marks.stamp(0, epoch)
      ? `0x${((value & ~epochMask) >>> 0).toString(16)}`
      : word;
  });
}
