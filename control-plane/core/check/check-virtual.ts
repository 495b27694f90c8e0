// Addresses of virtual workloads in an inventory: any hosts that "holders" selects may name them too, and nobody else may.

import type { Address } from '#model/address.ts';
import { type Selector, selectorMatches } from '#model/selector.ts';
import { selectorText } from '#policy/policy/selector-text.ts';
import type { DraftDocument } from '#policy/read/draft-document.ts';
import { report } from '#policy/read/fields.ts';
import type { Problem } from '#policy/source/problem.ts';

/** Each address of a virtual workload, with the first that has it. */
export function virtualAddresses(drafts: readonly DraftDocument[]): ReadonlyMap<Address, DraftDocument> {
  const virtual = new Map<Address, DraftDocument>();
  for (const one of drafts) {
    if (one.draft.kind !== 'virtual') continue;
    for (const address of one.draft.addressPlaces.keys()) if (!virtual.has(address)) virtual.set(address, one);
  }
  return virtual;
}

export interface VirtualClaim {
  readonly one: DraftDocument;
  readonly virtual: DraftDocument;
  readonly address: Address;
  readonly at: number;
  /** The workload of kind host on the claimant's host. */
  readonly host: DraftDocument | undefined;
}

/** A workload other than the virtual one names the address too. */
export function checkVirtualClaim({ one, virtual, address, at, host }: VirtualClaim, problems: Problem[]): void {
  const { draft } = one;
  const { holders, name, position } = virtual.draft;
  if (virtual === one || holders === undefined) return;
  const context = { file: one.document.file, problems };
  const its = `${address} is an address of the virtual workload "${name}" (${position.file}:${position.line})`;
  if (draft.kind !== 'host' && draft.kind !== 'unit') {
    report(context, {
      code: 'duplicate-address',
      at,
      message: `${its}, and "${draft.name}" of kind ${draft.kind} claims it; only hosts that its "holders" selects may`,
    });
    return;
  }
  if (host !== undefined && selectorMatches(holders, host.draft.labels)) return;
  report(context, {
    code: 'duplicate-address',
    at,
    message: `${its}, and "${draft.name}" claims it, ${notSelected(draft.name, host, holders)}`,
    suggestion: `take the address from "${draft.name}", or let "holders" of "${name}" select its host`,
  });
}

function notSelected(name: string, host: DraftDocument | undefined, holders: Selector): string {
  const text = shortText(selectorText(holders));
  if (host === undefined) return `whose host has no workload of kind host that its "holders" could select: ${text}`;
  const who = host.draft.name === name ? 'which' : `whose host "${host.draft.name}"`;
  return `${who} its "holders" does not select: ${text}`;
}

function shortText(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
