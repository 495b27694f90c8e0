// Whether a change takes anything away from anyone. A change that only widens keeps the epoch, and no open connection is
// judged again; any other takes a new one. When in doubt it revokes: that costs one more judgement per connection, never a leak.

import { addressValue, type Family, familyOf, lastValue } from '#model/address.ts';
import { somePoint } from '#model/service-map.ts';
import { classAtValue, type PeerClass, type PeerClasses } from './peer-classes.ts';
import type { JudgedGate, Table } from './table.ts';

export function revokesAnything(previous: Table, next: Table): boolean {
  if (previous.dispatch !== next.dispatch || previous.gates.length !== next.gates.length) return true;
  const narrows = createNarrowing();
  return next.gates.some((gate) => {
    const before = previous.gates.find(({ name }) => name === gate.name);
    return before === undefined || gateNarrows(before, gate, narrows);
  });
}

/** Whether a unit's rules deny what its host's accept: connections made under the host's must then be judged again. */
export function takesFromHost(table: Table, workload: string): boolean {
  const narrows = createNarrowing();
  const hosts = table.gates.filter(({ kind }) => kind === 'host');
  return table.gates.some(
    (gate) =>
      gate.workload === workload &&
      hosts.some((host) => host.direction === gate.direction && gateNarrows(host, gate, narrows)),
  );
}

type Narrows = (before: PeerClass, after: PeerClass) => boolean;

function gateNarrows(before: JudgedGate, after: JudgedGate, narrows: Narrows): boolean {
  const old = before.classes;
  const now = after.classes;
  const { since } = now;
  if (since?.from.deref() === old) {
    return since.addresses.some((address) => {
      const [was, is] = [old, now].map((classes) => classes.exact.get(address) ?? fallback(classes, address));
      return was !== undefined && is !== undefined && was !== is && narrows(was, is);
    });
  }
  if (narrows(old.rest, now.rest)) return true;
  for (const [address, peerClass] of now.exact) {
    const was = old.exact.get(address) ?? fallback(old, address);
    if (was !== peerClass && narrows(was, peerClass)) return true;
  }
  for (const [address, was] of old.exact) {
    if (!now.exact.has(address) && narrows(was, fallback(now, address))) return true;
  }
  return intervalStarts(old, now).some(({ family, at }) =>
    narrows(classAtValue(old, family, at), classAtValue(now, family, at)),
  );
}

function fallback(classes: PeerClasses, address: Parameters<typeof familyOf>[0]): PeerClass {
  return classes.intervals.length === 0
    ? classes.rest
    : classAtValue(classes, familyOf(address), addressValue(address));
}

/** One address of every stretch in which neither side's interval changes. */
function intervalStarts(a: PeerClasses, b: PeerClasses): readonly { readonly family: Family; readonly at: bigint }[] {
  const starts: { family: Family; at: bigint }[] = [];
  for (const { range } of [...a.intervals, ...b.intervals]) {
    starts.push({ family: range.family, at: range.first });
    if (range.last < lastValue(range.family)) starts.push({ family: range.family, at: range.last + 1n });
  }
  return starts;
}

function createNarrowing(): Narrows {
  const known = new Map<PeerClass, Map<PeerClass, boolean>>();
  return (before, after) => {
    if (before.key === after.key) return false;
    const row = known.get(before) ?? new Map<PeerClass, boolean>();
    known.set(before, row);
    const seen = row.get(after);
    if (seen !== undefined) return seen;
    const narrows = somePoint(
      before.services,
      after.services,
      (was, is) => was.action === 'accept' && is.action !== 'accept',
    );
    row.set(after, narrows);
    return narrows;
  };
}
