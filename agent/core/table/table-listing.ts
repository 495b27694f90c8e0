// The border at which nft's listing of our table becomes values: whatever a kernel may hold, in words that nft chose. Nothing that we
// wrote ourselves is read anywhere else, and no rule is read here: rules of a listing are compared, never understood.
// (denied-listing.ts reads the listing of denied connections.)

import type { MarkLayout } from '#agent-core/marks/mark-layout.ts';
import { unitSetPrefix } from './systemd-unit-sets.ts';
import { preparationChain, type TableState } from './table-state.ts';

/** Names of what stands in the table, so that what is left over can be removed. */
export interface Standing {
  readonly chains: ReadonlySet<string>;
  readonly maps: ReadonlySet<string>;
  readonly sets: ReadonlySet<string>;
  readonly counters: ReadonlySet<string>;
}

export const nothingStanding: Standing = { chains: new Set(), maps: new Set(), sets: new Set(), counters: new Set() };

/** Of `nft -t list table`. */
export function parseStanding(listing: string): Standing {
  const names = (kind: string) =>
    new Set([...listing.matchAll(new RegExp(`^\\t${kind} (\\S+) \\{`, 'gm'))].map(([, name = '']) => name));
  return { chains: names('chain'), maps: names('map'), sets: names('set'), counters: names('counter') };
}

const stateWords =
  /revision=(\d+) epoch=(\d+) digest=([0-9a-f-]+)(?: marks=(0x[0-9a-f]{8}))?(?: unswept=(0x[0-9a-f]{8}))?/;

/** What the table says of itself, in the comment of its state rule (stateText). */
export function parseTableState(listing: string): TableState | undefined {
  const match = new RegExp(`comment "${stateWords.source}"`).exec(listing);
  if (match === null) return undefined;
  const [, revision = '', epoch = '', digest = '', marks, unswept] = match;
  return {
    revision: Number(revision),
    epoch: Number(epoch),
    digest,
    ...(marks !== undefined && { markMask: Number(marks) }),
    ...(unswept !== undefined && { unswept: Number(unswept) }),
  };
}

/** The words of a state among others. */
export function findStateText(comment: string): string | undefined {
  return stateWords.exec(comment)?.[0];
}

/** Whether a set or map that the kernel tells of is one that systemd fills. */
export function isUnitSet(name: string): boolean {
  return name.startsWith(unitSetPrefix);
}

/** Elements that packets bring and time takes away: every set that rules may fill is declared as dynamic, and no other is. */
const filledByPackets = /(\tset \S+ \{[^}]*?\n\t\tflags [^}\n]*\bdynamic\b[^}]*?)\n\t\telements = \{[^}]*\}/g;

/** Without what changes while nobody changes a rule: the cgroups of the moment, and what packets leave behind. */
export function steadyListing(listing: string): string {
  return listing
    .replaceAll(/(\t(?:map units_(?:new|judge)_|set unit_)\S+ \{[^}]*?)\n\t\telements = \{[^}]*\}/g, '$1')
    .replaceAll(/(\tchain units_\S+ \{)[^}]*\}/g, '$1 }')
    .replaceAll(filledByPackets, '$1');
}

/** `text`: of `nft -s list table`; `epoch`: under which its rules were made, so that another epoch alone is no difference. */
export interface ListedTable {
  readonly text: string;
  readonly epoch: number;
}

/** `kind`: "chain", "map"; the table's own flags are the "table" of no name. */
export interface ListedObject {
  readonly kind: string;
  readonly name: string;
  readonly text: string;
  /** A chain that packets meet by themselves. */
  readonly isBaseChain: boolean;
}

/** By kind and name. Without the preparation's chain, which is there from the first preparation on and holds no rules. */
export function parseObjects({ text, epoch }: ListedTable, marks: MarkLayout): ReadonlyMap<string, ListedObject> {
  const objects = new Map<string, ListedObject>();
  let at = { kind: 'table', name: '' };
  for (const line of text.split('\n')) {
    const [, kind, name] = /^\t(\S+) (\S+) \{/.exec(line) ?? [];
    if (kind !== undefined && name !== undefined) at = { kind, name };
    if (line === '') continue;
    const key = `${at.kind} ${at.name}`;
    const before = objects.get(key);
    objects.set(key, {
      ...at,
      text: `${before?.text ?? ''}${withoutEpoch(line, epoch, marks)}\n`,
      isBaseChain: before?.isBaseChain === true || (at.kind === 'chain' && line.startsWith('\t\ttype ')),
    });
    if (line.startsWith('\t}')) at = { kind: 'table', name: '' };
  }
  objects.delete(`chain ${preparationChain}`);
  return objects;
}

/** The state rule says of each epoch something else. */
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
