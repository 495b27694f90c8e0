// What is wrong with a host, from what its parts say at the moment: values in, problems out. Each has a code of the catalogue and says what
// is so here; what it means and what to do stand there.

import type { Table } from '#agent-core/table/table.ts';
import type { Millis } from '#model/time.ts';
import { type HostProblemCode, type HostProblemEntry, hostProblemCatalogue } from './host-problem-catalogue.ts';
import { type ForeignFinding, findingText } from './other-tables.ts';

export interface HostProblem {
  readonly code: HostProblemCode;
  /** What is so at this host: one sentence without its full stop. */
  readonly text: string;
}

/** Of the policy stream. `since` by the host's clock: when it was connected, or was last. */
export type ConnectionStanding =
  | { readonly kind: 'connected'; readonly since: Millis }
  | {
      readonly kind: 'not-connected';
      readonly since: Millis;
      /** Why the last try failed; empty before one did. */
      readonly reason: string;
      readonly cause: 'unreached' | 'refused' | 'unknown-here' | 'shared';
    };

export interface HostCondition {
  readonly addresses: { readonly published: number; readonly beyond: number };
  readonly connection: ConnectionStanding;
  readonly certificate: { readonly notBefore: Millis; readonly notAfter: Millis };
  /** How far this host's clock is ahead of the control plane's, in milliseconds; absent before it was heard. */
  readonly clockAheadMs?: number;
  readonly conntrack: { readonly entries: number; readonly most: number } | undefined;
  readonly freeDisk: { readonly bytes: number; readonly blocks: 'some' | 'none' } | undefined;
  readonly foreign: readonly ForeignFinding[];
  /** Whether what is in force stamps connections. */
  readonly stamps: Table['stamps'];
  readonly unjudgedBridges: readonly string[];
  /** Addresses of containers that are not believed, in words. */
  readonly claimedAddresses: readonly string[];
  /** Units whose processes use a network of their own, in words. */
  readonly unjudgedUnits: readonly string[];
  /** Bridges that have guests and lead outside. */
  readonly outwardBridges: readonly string[];
  /** Links of which it is not certain that only guests are behind them. */
  readonly doubtfulLinks: readonly string[];
  /** Links behind which only guests are, whose router advertisements the host follows. */
  readonly taughtLinks: readonly string[];
  /** What the policy intake says; empty where nothing is wrong. */
  readonly policyProblem: string;
  /** Revision in force, 0 for none. */
  readonly applied: number;
  readonly opened: { readonly reason: string } | undefined;
  readonly refusedRecords: number;
  readonly lostEvents: number;
}

const dayMs = 86_400_000;
export const certificateWarningMs = 10 * dayMs;
export const clockSkewMs = 60_000;
const conntrackFilling = 0.8;
const conntrackFull = 0.98;
/** A policy of a large host on disk, twice: written whole beside the old one. */
const leastDiskBytes = 16 << 20;

/** What keeps it from being protected first. */
export function hostProblems(condition: HostCondition, now: Millis): readonly HostProblem[] {
  return [
    ...policyProblems(condition),
    ...foreignProblems(condition),
    ...addressProblems(condition),
    ...conntrackProblems(condition),
    ...connectionProblems(condition),
    ...certificateProblems(condition.certificate, now),
    ...clockProblems(condition),
    ...diskProblems(condition),
    ...recordProblems(condition),
  ];
}

/** For `segwall agents`: one line with its code and what to do. */
export function problemText({ code, text }: HostProblem): string {
  return `${code}: ${text}. ${entryOf(code).remedy}`;
}

export function entryOf(code: HostProblemCode): HostProblemEntry {
  return hostProblemCatalogue[code];
}

function policyProblems({ opened, applied, policyProblem }: HostCondition): readonly HostProblem[] {
  const problems: HostProblem[] = [];
  if (opened !== undefined) {
    const why = opened.reason === '' ? '' : `: ${opened.reason}`;
    problems.push({ code: 'opened', text: `this host is open by panic at its console${why}` });
  } else if (applied === 0) problems.push({ code: 'no-policy', text: 'no policy is in force: this host is open' });
  if (policyProblem !== '') problems.push({ code: 'policy-problem', text: policyProblem });
  return problems;
}

/** What is not told apart meanwhile. */
const withheldText =
  '; while nothing is denied none is written, and connections are told by the host’s rules: not by those of its units, nor those between its own workloads';

function foreignProblems({
  foreign,
  stamps,
  unjudgedBridges,
  claimedAddresses,
  unjudgedUnits,
  outwardBridges,
  doubtfulLinks,
  taughtLinks,
}: HostCondition): readonly HostProblem[] {
  const markText = (finding: ForeignFinding) => `${findingText(finding)}${stamps === 'withheld' ? withheldText : ''}`;
  const weakening = foreign.filter(({ effect }) => effect === 'weakens');
  return [
    ...weakening.map(
      (finding): HostProblem => ({
        code: finding.kind === 'mark' ? 'mark-shared' : 'others-override',
        text: finding.kind === 'mark' ? markText(finding) : findingText(finding),
      }),
    ),
    ...foreign
      .filter(({ effect }) => effect === 'misled')
      .map((finding): HostProblem => ({ code: 'mark-read', text: markText(finding) })),
    ...outwardBridges.map(
      (bridge): HostProblem => ({
        code: 'unjudged-guests',
        text: `bridge ${bridge} has guests and leads outside: only those known as containers are judged on it`,
      }),
    ),
    ...doubtfulLinks.map(
      (link): HostProblem => ({
        code: 'doubtful-guests',
        text: `what is behind ${link} may be guests of this host or other machines: what it forwards there is judged as the host’s, also between ${link} and guests`,
      }),
    ),
    ...taughtLinks.map(
      (link): HostProblem => ({
        code: 'guest-routes',
        text: `this host takes router advertisements from guests on ${link}: a guest can have it send what is for others to itself`,
      }),
    ),
    ...unjudgedUnits.map((text): HostProblem => ({ code: 'unjudged-units', text })),
    ...claimedAddresses.map((text): HostProblem => ({ code: 'container-addresses', text })),
    ...unjudgedBridges.map(
      (bridge): HostProblem => ({
        code: 'unjudged-containers',
        text: `containers on bridge ${bridge} talk to each other unjudged: br_netfilter does not show their frames`,
      }),
    ),
  ];
}

function addressProblems({ addresses: { published, beyond } }: HostCondition): readonly HostProblem[] {
  if (published === 0)
    return [{ code: 'no-addresses', text: 'no address of this host is one that others could reach' }];
  if (beyond === 0) return [];
  return [{ code: 'addresses-left-out', text: `this host has ${beyond} more addresses than are published` }];
}

function conntrackProblems({ conntrack }: HostCondition): readonly HostProblem[] {
  if (conntrack === undefined || conntrack.most === 0) return [];
  const { entries, most } = conntrack;
  if (entries < most * conntrackFilling) return [];
  const code = entries < most * conntrackFull ? 'conntrack-filling' : 'conntrack-full';
  return [{ code, text: `the kernel tracks ${entries} connections of at most ${most}` }];
}

const connectionCodes = {
  unreached: 'control-plane-unreachable',
  refused: 'control-plane-refuses',
  'unknown-here': 'unknown-here',
  shared: 'identity-shared',
} as const;

function connectionProblems({ connection }: HostCondition): readonly HostProblem[] {
  if (connection.kind === 'connected') return [];
  const { since, reason, cause } = connection;
  const why = reason === '' ? 'the first try has not ended' : reason;
  return [{ code: connectionCodes[cause], text: `not connected since ${timeText(since)}: ${why}` }];
}

export function certificateProblems(
  { notBefore, notAfter }: HostCondition['certificate'],
  now: Millis,
): readonly HostProblem[] {
  if (now < notBefore)
    return [{ code: 'certificate-not-yet-valid', text: `the certificate begins at ${timeText(notBefore)}` }];
  if (now >= notAfter) return [{ code: 'certificate-expired', text: `the certificate ended at ${timeText(notAfter)}` }];
  if (notAfter - now >= certificateWarningMs) return [];
  return [{ code: 'certificate-ending', text: `the certificate ends at ${timeText(notAfter)}` }];
}

function clockProblems({ clockAheadMs = 0 }: HostCondition): readonly HostProblem[] {
  if (Math.abs(clockAheadMs) < clockSkewMs) return [];
  const seconds = Math.round(Math.abs(clockAheadMs) / 1000);
  const way = clockAheadMs > 0 ? 'ahead of' : 'behind';
  return [{ code: 'clock-skew', text: `the clock of this host is ${seconds} s ${way} the control plane’s` }];
}

function diskProblems({ freeDisk }: HostCondition): readonly HostProblem[] {
  if (freeDisk === undefined || (freeDisk.bytes >= leastDiskBytes && freeDisk.blocks === 'some')) return [];
  return [{ code: 'disk-full', text: `${freeDisk.bytes >> 10} KiB are free where the state directory is` }];
}

function recordProblems({ refusedRecords, lostEvents }: HostCondition): readonly HostProblem[] {
  const problems: HostProblem[] = [];
  if (refusedRecords > 0)
    problems.push({ code: 'flows-refused', text: `${refusedRecords} flow records did not count` });
  if (lostEvents > 0) problems.push({ code: 'events-lost', text: `${lostEvents} events were lost` });
  return problems;
}

function timeText(at: Millis): string {
  return new Date(at).toISOString();
}
