// Whether a change takes anything away from anyone. A change that only widens keeps the epoch, and no open connection is
// judged again; any other takes a new one. When in doubt it revokes: that costs one more judgement per connection, never a leak.
//
// A container's address that nobody judged before was let pass: that it is judged now revokes where its rules deny anything. One that is
// gone takes nothing from anyone.

import { type Decision, decisionFor, everybodysDecision } from '#agent-core/judge/decision.ts';
import { classAtValue, type PeerClass, type PeerClasses } from '#agent-core/judge/peer-classes.ts';
import type { JudgedGate, Table } from '#agent-core/table/table.ts';
import { type Address, addressValue, type Family, familyOf, lastValue } from '#model/address.ts';
import { planes, somePoint } from '#model/service-map.ts';

export function revokesAnything(previous: Table, next: Table): boolean {
  if (previous.dispatch !== next.dispatch) return true;
  const narrows = createNarrowing();
  const before = gatesByWorkload(previous);
  for (const [place, gate] of gatesByWorkload(next)) {
    const was = before.get(place);
    if (was === undefined || gateNarrows(was, gate, narrows)) return true;
  }
  return containersRevoke(previous, next, narrows);
}

/** Of the host and its units: their names are numbers, which shift when a container comes before them. */
function gatesByWorkload({ gates }: Table): ReadonlyMap<string, JudgedGate> {
  const byWorkload = new Map<string, JudgedGate>();
  const counts = new Map<string, number>();
  for (const gate of gates) {
    if (gate.kind === 'container') continue;
    const of = `${gate.direction} ${gate.workload}`;
    const count = counts.get(of) ?? 0;
    counts.set(of, count + 1);
    byWorkload.set(`${of} ${count}`, gate);
  }
  return byWorkload;
}

function containersRevoke(previous: Table, next: Table, narrows: Narrows): boolean {
  const gatesOf = (table: Table) => new Map(table.gates.map((gate) => [gate.name, gate]));
  const [oldGates, newGates] = [gatesOf(previous), gatesOf(next)];
  /** By the names of their gates: many addresses are judged alike. */
  const known = new Map<string, boolean>();
  const isNarrower = (before: readonly string[] | undefined, after: readonly string[]): boolean => {
    const key = JSON.stringify([before, after]);
    const seen = known.get(key);
    if (seen !== undefined) return seen;
    const gate = soleGate(after, newGates);
    const was = before === undefined ? undefined : soleGate(before, oldGates);
    const outcome = gate === undefined || (was === undefined ? deniesAny(gate) : gateNarrows(was, gate, narrows));
    known.set(key, outcome);
    return outcome;
  };
  const [old, now] = [previous.containers, next.containers];
  // What a container said to itself through its own published port, and is now said to another.
  const isAddress = (address: Address) => now.gates.inbound.has(address);
  for (const [key, pair] of old.pairs) if (!now.pairs.has(key) && pair.every(isAddress)) return true;
  return (['inbound', 'outbound'] as const).some((direction) => {
    const before = old.gates[direction];
    for (const [address, gates] of now.gates[direction]) if (isNarrower(before.get(address), gates)) return true;
    return false;
  });
}

/** Undefined where several judge: how they judge together is not compared. */
function soleGate(names: readonly string[], gates: ReadonlyMap<string, JudgedGate>): JudgedGate | undefined {
  const [name, ...more] = names;
  return name === undefined || more.length > 0 ? undefined : gates.get(name);
}

function deniesAny({ classes }: JudgedGate): boolean {
  const used = new Set([classes.rest, ...classes.sizes.keys(), ...classes.intervals.map(({ peerClass }) => peerClass)]);
  return [...used].some(({ services }) =>
    planes.some((plane) => services[plane].some(({ value }) => everybodysDecision(value).action !== 'accept')),
  );
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
      (was, is) =>
        takes(was, decisionFor(was.only?.owner, is)) || takes(everybodysDecision(was), everybodysDecision(is)),
    );
    row.set(after, narrows);
    return narrows;
  };
}

function takes(was: Decision, is: Decision): boolean {
  return was.action === 'accept' && is.action !== 'accept';
}
