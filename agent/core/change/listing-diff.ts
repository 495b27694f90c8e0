// What stood in our table that should not have, or the other way round, told object by object: from nft's listings before a load of
// ours and after it. For people who must know what a stranger did while nobody listened; nothing is decided by it.

import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { type ListedObject, type ListedTable, parseObjects } from '#agent-core/table/table-listing.ts';

/**
 * "chain changed: input", "map added: mine"; empty where both hold the same. `text` of a table that is not there is empty. `leftovers`:
 * what a change of ours that was cut short leaves behind, which is looked in by nothing of ours. A chain with a hook is never left over.
 */
export function tableDifferences(request: {
  readonly before: ListedTable;
  readonly after: ListedTable;
  readonly marks: MarkLayout;
  readonly leftovers: 'told' | 'left-out';
}): readonly string[] {
  const { before, after, marks, leftovers } = request;
  if (before.text === '') return after.text === '' ? [] : ['table deleted'];
  const found = parseObjects(before, marks);
  const right = parseObjects(after, marks);
  const differences: string[] = [];
  for (const [key, object] of found) {
    const wanted = right.get(key);
    if (wanted !== undefined && wanted.text !== object.text) differences.push(told('changed', object));
    if (wanted === undefined && (leftovers === 'told' || object.isBaseChain || object.kind === 'table'))
      differences.push(told('added', object));
  }
  for (const [key, object] of right) if (!found.has(key)) differences.push(told('deleted', object));
  return differences;
}

function told(what: 'added' | 'changed' | 'deleted', { kind, name }: ListedObject): string {
  return name === '' ? `${kind} ${what}` : `${kind} ${what}: ${name}`;
}
