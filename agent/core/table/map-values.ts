// What a remote address's map answers with. `verdicts`: the class's chain, which costs a new connection least, and has the kernel walk
// through all elements, once for every way to the map, whenever a rule or such an element changes. `tags`: a number that leads to the
// chain in a second, small map, and is never walked. So the largest peer maps of a host answer with tags, and only where verdicts
// would make every change slow.

import type { NamedGate } from '#agent-core/judge/peer-classes.ts';
import type { Family } from '#model/address.ts';

export type PeerLayout = 'verdicts' | 'tags';

/** Elements of verdict maps that a validation may walk through: 80 to 160 ns each, so 10 to 20 ms. */
export const mostWalksDefault = 131_072;

/**
 * Ways from a base chain to a host's or a unit's map: first packets, and judging at either hook. To a container's there are more, from
 * the forward path and from its host, once for each address.
 */
const waysOf = { host: 3, unit: 3, container: 8 } as const;

/** To the host's, from the forward path, where it answers for guests: after a container's end, and without one. */
const waysForGuests = 2;

/** Maps that answer with tags go on doing so until a change of all of them would be this many times faster than it may be. */
const returnBelow = 8;

const families = ['ipv4', 'ipv6'] as const;

/** The first part of the names of a gate's maps: "in0_4", and "in0_4t" where they hold tags. */
export function layoutName(gate: NamedGate, family: Family, layout: PeerLayout): string {
  return `${gate.name}_${family === 'ipv4' ? '4' : '6'}${layout === 'tags' ? 't' : ''}`;
}

/**
 * The largest first, until what is left is within `mostWalks`. `capacities` are those of the table before (peer-maps.ts), whose names
 * say what was in tags already. Linear in gates, beside a sort.
 */
export function chooseLayouts(request: {
  readonly gates: readonly NamedGate[];
  readonly capacities: ReadonlyMap<string, number>;
  readonly mostWalks: number;
  readonly hostForwards: 'nothing' | 'for-guests';
}): (gate: NamedGate, family: Family) => PeerLayout {
  const { gates, capacities, mostWalks, hostForwards } = request;
  const waysTo = ({ gate: { workload } }: NamedGate) =>
    waysOf[workload.kind] + (workload.kind === 'host' && hostForwards === 'for-guests' ? waysForGuests : 0);
  const sized = gates.flatMap((gate) =>
    families.map((family) => ({ gate, family, walks: sizeOf(gate, family) * waysTo(gate) })),
  );
  const inTags = new Set<string>();
  const tag = ({ gate, family }: { readonly gate: NamedGate; readonly family: Family }) =>
    inTags.add(layoutName(gate, family, 'verdicts'));
  const before = new Set([...capacities.keys()].map((name) => name.replace(/(?:p\d+|n)$/, '')));
  for (const one of sized) {
    const was = before.has(layoutName(one.gate, one.family, 'tags'));
    if (was && one.walks * returnBelow > mostWalks) tag(one);
  }
  const others = sized
    .filter(({ gate, family }) => !inTags.has(layoutName(gate, family, 'verdicts')))
    .sort((a, b) => b.walks - a.walks);
  let walks = others.reduce((sum, one) => sum + one.walks, 0);
  for (const one of others) {
    if (walks <= mostWalks) break;
    tag(one);
    walks -= one.walks;
  }
  return (gate, family) => (inTags.has(layoutName(gate, family, 'verdicts')) ? 'tags' : 'verdicts');
}

function sizeOf({ classes }: NamedGate, family: Family): number {
  let size = family === 'ipv6' ? classes.ipv6 : classes.exact.size - classes.ipv6;
  for (const { range } of classes.intervals) if (range.family === family) size += 1;
  return size;
}

/**
 * A number as a traffic class, which is what the kernel takes a packet's priority for. In its lowest four bits, by which queues without
 * classes tell packets apart, it is what packets have by default; beyond 4,095 its upper half is one that no queue is given by default.
 */
function trafficClass(number: number): { readonly major: number; readonly minor: number } {
  return { major: number <= 0xfff ? 0 : 0x7f00 + (number >> 12), minor: (number & 0xfff) << 4 };
}

/** As nft writes it: "0:10". */
export function tagText(number: number): string {
  const { major, minor } = trafficClass(number);
  return `${major.toString(16)}:${minor.toString(16)}`;
}

/** As the kernel keeps it. */
export function tagNumber(number: number): number {
  const { major, minor } = trafficClass(number);
  return major * 0x1_0000 + minor;
}
