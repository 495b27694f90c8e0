// The units of a host that its agent discovers: which of its claims are believed, and the workload names they get. A unit once seen
// stays until the host reports no units at all: one that restarts or is slow at boot must not lose its rules. One that is quarantined
// stays then too: only an operator ends that.

import { createHash } from 'node:crypto';
import type { Labels } from '#model/label.ts';

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
const mostUnits = 1024;
const unitPattern = /^[A-Za-z0-9:_.\\@-]{1,247}\.service$/;
const longestName = 63;

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
  for (const unit of [...new Set(reported)].sort()) {
    if (units.size >= mostUnits) break;
    if (seen.has(unit) || !unitPattern.test(unit)) continue;
    const name = unitWorkloadName(host, unit, (candidate) => units.has(candidate) || isTaken(candidate));
    units.set(name, { unit, labels: new Map() });
  }
  return units.size === known.size ? known : units;
}

/** "web-1" and "nginx.service" make "web-1-nginx"; a name that is not plain, too long or taken ends in a digest of both instead. */
function unitWorkloadName(host: string, unit: string, isTaken: (name: string) => boolean): string {
  const stem = unit.replace(/\.service$/, '');
  const plain = `${host}-${stem}`;
  if (/^[a-z0-9-]*[a-z0-9]$/.test(stem) && plain.length <= longestName && !isTaken(plain)) return plain;
  const digest = createHash('sha256').update(`${host} ${unit}`).digest('hex').slice(0, 8);
  const readable = `${host}-${stem.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`;
  return `${readable.slice(0, longestName - digest.length - 1).replace(/-+$/, '')}-${digest}`;
}
