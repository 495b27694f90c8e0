// Workloads as a whole: units take their host's addresses, those of virtual workloads are theirs alone, and no two hosts claim one
// address or one host twice.

import type { Address } from '#model/address.ts';
import { withVirtualAddressesApart } from '#policy/claims/managed-workload.ts';
import type { Workload } from '#policy/policy/policy.ts';
import type { DraftDocument } from '#policy/read/draft-document.ts';
import { report } from '#policy/read/fields.ts';
import type { Problem } from '#policy/source/problem.ts';
import { checkVirtualClaim, virtualAddresses } from './check-virtual.ts';

/** The workloads by name, in code-unit order. */
export function checkInventory(drafts: readonly DraftDocument[], problems: Problem[]): ReadonlyMap<string, Workload> {
  checkHosts(drafts, problems);
  checkUnits(drafts, problems);
  const hosts = new Map<string, DraftDocument>();
  for (const one of drafts)
    if (one.draft.kind === 'host' && one.draft.host !== undefined) hosts.set(one.draft.host, one);
  const virtual = virtualAddresses(drafts);
  checkAddresses(drafts, { hosts, virtual }, problems);
  const workloads = drafts.map(({ draft }): Workload => {
    const { addressPlaces: _, ...rest } = draft;
    const inherited = draft.kind === 'unit' ? (hosts.get(draft.host ?? '')?.draft.addresses ?? []) : [];
    const claimed = [...new Set([...inherited, ...draft.addresses])];
    return { ...rest, addresses: claimed };
  });
  const byName = new Map(workloads.sort((a, b) => (a.name < b.name ? -1 : 1)).map((one) => [one.name, one]));
  return withVirtualAddressesApart(byName);
}

function whereIs({ draft }: DraftDocument): string {
  return `${draft.position.file}:${draft.position.line}`;
}

function checkHosts(drafts: readonly DraftDocument[], problems: Problem[]): void {
  const first = new Map<string, DraftDocument>();
  for (const one of drafts) {
    if (one.draft.kind !== 'host' || one.draft.host === undefined) continue;
    const other = first.get(one.draft.host);
    if (other === undefined) {
      first.set(one.draft.host, one);
      continue;
    }
    report(
      { file: one.document.file, problems },
      {
        code: 'duplicate-host',
        at: one.document.nameAt,
        message: `"${one.draft.name}" and "${other.draft.name}" (${whereIs(other)}) are both the workload of host "${one.draft.host}"; a host has one workload of kind host`,
      },
    );
  }
}

function checkUnits(drafts: readonly DraftDocument[], problems: Problem[]): void {
  const first = new Map<string, DraftDocument>();
  for (const one of drafts) {
    if (one.draft.kind !== 'unit') continue;
    const key = `${one.draft.host}\n${one.draft.unit}`;
    const other = first.get(key);
    if (other === undefined) {
      first.set(key, one);
      continue;
    }
    report(
      { file: one.document.file, problems },
      {
        code: 'unit-shared',
        at: one.document.nameAt,
        message: `"${one.draft.name}" and "${other.draft.name}" (${whereIs(other)}) are both the unit "${one.draft.unit}" of host "${one.draft.host}"; a cgroup is told to be one workload`,
        suggestion: 'give both sets of labels to one workload',
      },
    );
  }
}

interface Known {
  /** Workloads of kind host, by their host. */
  readonly hosts: ReadonlyMap<string, DraftDocument>;
  readonly virtual: ReadonlyMap<Address, DraftDocument>;
}

/** An address belongs to one host's workloads; an external or virtual workload is a host of its own. */
function checkAddresses(drafts: readonly DraftDocument[], { hosts, virtual }: Known, problems: Problem[]): void {
  const holders = new Map<Address, DraftDocument>();
  for (const one of drafts) {
    for (const [address, at] of one.draft.addressPlaces) {
      const owner = virtual.get(address);
      if (owner !== undefined && one.draft.kind !== 'virtual') {
        const host = hosts.get(one.draft.host ?? '');
        checkVirtualClaim({ one, virtual: owner, address, at, host }, problems);
        continue;
      }
      const other = holders.get(address);
      if (other === undefined) {
        holders.set(address, one);
        continue;
      }
      const context = { file: one.document.file, problems };
      if (ownerOf(other) !== ownerOf(one)) {
        report(context, {
          code: 'duplicate-address',
          at,
          message: `${address} is claimed by "${one.draft.name}" and by "${other.draft.name}" (${whereIs(other)}); an address belongs to one host's workloads`,
        });
      } else if (one.draft.kind !== 'unit' && other.draft.kind !== 'unit') {
        report(context, {
          code: 'shared-address',
          at,
          message: `${address} is of "${one.draft.name}" and of "${other.draft.name}" (${whereIs(other)}), both on host "${one.draft.host}"; without a name a query means the host, or the first container in order`,
        });
      }
    }
  }
}

function ownerOf({ draft }: DraftDocument): string {
  return draft.host === undefined ? `${draft.kind} ${draft.name}` : `host ${draft.host}`;
}
