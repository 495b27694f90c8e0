// The units of a host that its agent discovers: which of its claims are believed, and the workload names they get. A unit once seen
// stays until the host reports no units at all: one that restarts or is slow at boot must not lose its rules. One that is quarantined
// stays then too: only an operator ends that.

import type { Labels } from '#model/label.ts';
import { discoveredName } from './discovered-names.ts';

export interface UnitEntry {
  /** systemd's name: "nginx.service". */
  readonly unit: string;
  /** Its own, over those it has from its host. */
  readonly labels: Labels;
  /** Peers of its own quarantine, as the operator wrote them. */
  readonly quarantine?: readonly string[];
}

/** By workload name. */
export type HostUnits = ReadonlyMap<string, UnitEntry>;

/** More services than a host runs, and a bound on what one agent can make of the inventory. */
export const mostUnits = 1024;
const unitPattern = /^[A-Za-z0-9:_.\\@-]{1,247}\.service$/;

/** `reported` undefined: the host discovers none. The same object where nothing changed. */
export function withReportedUnits(request: {
  readonly host: string;
  readonly known: HostUnits;
  readonly reported: readonly string[] | undefined;
  /** Whether another workload has this name. */
  readonly isTaken: (name: string) => boolean;
}): HostUnits {
  const { host, known, reported, isTaken } = request;
  if (reported === undefined) {
    const kept = new Map([...known].filter(([, { quarantine }]) => quarantine !== undefined));
    return kept.size === known.size ? known : kept;
  }
  const seen = new Set([...known.values()].map(({ unit }) => unit));
  const units = new Map(known);
  const isHere = (name: string) => units.has(name) || isTaken(name);
  for (const unit of [...new Set(reported)].sort()) {
    if (units.size >= mostUnits) break;
    if (seen.has(unit) || !unitPattern.test(unit)) continue;
    const name = discoveredName({ kind: 'unit', host, own: unit }, isHere);
    units.set(name, { unit, labels: new Map() });
  }
  return units.size === known.size ? known : units;
}
