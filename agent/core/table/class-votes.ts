// Which class a new one comes after: the one that most of its members had, so that a changed rule refills one chain instead of moving every
// peer. Each exact address, interval and rest votes.

import type { NamedGate, PeerClass, PeerClasses } from '#agent-core/judge/peer-classes.ts';
import { classAt } from '#agent-core/judge/peer-classes.ts';
import type { Address } from '#model/address.ts';
import type { Table } from './table.ts';

/** Each exact address, interval and rest votes for the class number it had before. */
export function countVotes(
  gates: readonly NamedGate[],
  previous: Table | undefined,
): ReadonlyMap<string, ReadonlyMap<number, number>> {
  const votes = new Map<string, Map<number, number>>();
  if (previous === undefined) return votes;
  const vote = (key: string, oldKey: string, weight: number) => {
    const number = previous.numbering.classes.get(oldKey);
    if (number === undefined) return;
    const counts = votes.get(key) ?? new Map<number, number>();
    counts.set(number, (counts.get(number) ?? 0) + weight);
    votes.set(key, counts);
  };
  for (const { name, classes } of gates) {
    const before = previous.gates.find((gate) => gate.name === name)?.classes;
    if (before === undefined) continue;
    vote(classes.rest.key, before.rest.key, 1);
    // Only new classes are voted for, and those have members among what changed.
    const { since } = classes;
    const voters = since?.from.deref() === before ? since.addresses : classes.exact.keys();
    for (const address of voters) {
      const peerClass = classes.exact.get(address);
      if (peerClass !== undefined) vote(peerClass.key, classAtExact(before, address).key, 1);
    }
    for (const { range, peerClass } of classes.intervals) {
      const same = before.intervals.find(
        (interval) => interval.range.family === range.family && interval.range.first === range.first,
      );
      if (same !== undefined) vote(peerClass.key, same.peerClass.key, 1);
    }
  }
  return votes;
}

function classAtExact(classes: PeerClasses, address: Address): PeerClass {
  return classes.exact.get(address) ?? (classes.intervals.length === 0 ? classes.rest : classAt(classes, address));
}
