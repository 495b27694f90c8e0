// The status for a reader, and what of it the disk knows when no agent is there to ask.

import type { NamesStatus } from '#agent/dns/names.ts';
import type { RefusedRecords } from '#agent/flows/flow-sender.ts';
import { type AddressRange, rangeCidrs, rangeText } from '#model/address-range.ts';
import type { HostRuleSet, Peers } from '#model/rule-set.ts';
import { type EnforcementMode, enforcementModes } from '#model/verdict.ts';
import type { AddressStanding } from '#wire/policy-sync-messages.ts';
import type { AgentStatusDocument, QuarantineStatus } from './status-socket.ts';

/** `open`: the host never had a policy, has none for itself, or was opened (give no rule set then). */
export function modesOf(ruleSet: HostRuleSet | undefined): Pick<AgentStatusDocument, 'mode' | 'modes'> {
  const rules = ruleSet?.workloads.find(({ kind }) => kind === 'host');
  if (rules === undefined) return { mode: 'open', modes: { inbound: 'open', outbound: 'open' } };
  const modes = { inbound: rules.inbound.mode, outbound: rules.outbound.mode };
  return { mode: stricter(modes.inbound, modes.outbound), modes };
}

const allowedTold = 20;

/** By name; nothing is quarantined on a host that was opened (give no rule set then). */
export function quarantinesOf(ruleSet: HostRuleSet | undefined): readonly QuarantineStatus[] {
  const found = new Map<string, { readonly peers: Peers; readonly workloads: string[] }>();
  for (const { workload, quarantine } of ruleSet?.workloads ?? []) {
    if (quarantine === undefined) continue;
    const { name, peers } = quarantine;
    const known = found.get(name);
    if (known === undefined) found.set(name, { peers, workloads: [workload] });
    else known.workloads.push(workload);
  }
  return [...found].map(([name, { peers, workloads }]) => {
    const allowed = allowedTexts(peers, ruleSet);
    return { name, workloads, allowed: allowed.slice(0, allowedTold), allowedCount: allowed.length };
  });
}

function allowedTexts(peers: Peers, ruleSet: HostRuleSet | undefined): readonly string[] {
  if (peers.kind === 'any') return ['any'];
  const sets = peers.ids.flatMap((id) => ruleSet?.peerSets.get(id) ?? []);
  return [...new Set(sets.flatMap(({ addresses, ranges }) => [...addresses, ...ranges.flatMap(rangeTexts)]))];
}

function rangeTexts(range: AddressRange): readonly string[] {
  return range.first === range.last ? [rangeText(range)] : rangeCidrs(range);
}

function stricter(a: EnforcementMode, b: EnforcementMode): EnforcementMode {
  return enforcementModes.indexOf(a) > enforcementModes.indexOf(b) ? a : b;
}

/** Rows of name and value. */
export function statusRows(status: Partial<AgentStatusDocument>): readonly (readonly [string, string])[] {
  const { applied, revision, modes, flows } = status;
  const rows: [string, string | undefined][] = [
    ['host', status.host],
    ['OPEN', status.panic && panicText(status.panic)],
    ['QUARANTINED', status.quarantines?.map(quarantineText).join('\n')],
    [
      'IDENTITY SHARED',
      status.identityShared && `since ${status.identityShared.since}: ${status.identityShared.reason}`,
    ],
    ['agent', status.running === true ? `running, process ${status.pid}, since ${status.startedAt}` : 'not running'],
    ['control plane', status.controlPlane && `${status.controlPlane} (${connection(status)})`],
    ['addresses of it', status.controlPlanes && controlPlanesText(status.controlPlanes)],
    ['announced', status.announced && announcedText(status.announced)],
    ['certificate', status.certificateEnds && `ends ${status.certificateEnds}`],
    ['revision', revisionText(applied, revision)],
    ['mode', modes && `inbound ${modes.inbound}, outbound ${modes.outbound}`],
    ['essential', status.essentials?.join('\n')],
    ['addresses', status.addresses && addressesText(status.addresses)],
    ['forwards', status.forwards && forwardsText(status.forwards)],
    ['NOT ITS OWN', status.addressStanding && pendingText(status.addressStanding)],
    ['names', status.names && namesText(status.names)],
    ['flows lost', status.lost === undefined ? undefined : lostText(status.lost, flows)],
    ['PROBLEM', flows && refusedText(flows.refused)],
    ['waiting on disk', flows && `${flows.spooledBatches} batches, ${flows.spooledBytes} bytes`],
    ['repairs', status.repairs === undefined ? undefined : String(status.repairs)],
    ['events', status.events && eventsText(status.events)],
    ['failed writes', status.failedWrites ? String(status.failedWrites) : undefined],
    ['version', status.version],
    ...problemRows(status),
  ];
  return rows.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value] as const]));
}

const standingTexts: Readonly<Record<NonNullable<AgentStatusDocument['controlPlanes']>[number]['state'], string>> = {
  'in-use': 'in use',
  trying: 'tried now',
  failed: 'not tried now',
  waiting: 'not needed',
};

/** One address has its say beside the name already. */
function controlPlanesText(standings: NonNullable<AgentStatusDocument['controlPlanes']>): string {
  if (standings.length < 2) return '';
  return standings
    .map(({ address, state, problem }) =>
      problem === undefined
        ? `${address}: ${standingTexts[state]}`
        : `${address}: ${standingTexts[state]}; at ${problem.at}: ${problem.reason}`,
    )
    .join('\n');
}

const followingTexts: Readonly<Record<NonNullable<AgentStatusDocument['announced']>['state'], string>> = {
  'not-yet': 'not there yet',
  leaving: 'going there',
  followed: 'there',
};

function announcedText({ addresses, state, problem }: NonNullable<AgentStatusDocument['announced']>): string {
  return [`${addresses.join(', ')}: ${followingTexts[state]}`, ...(problem === '' ? [] : [problem])].join('\n');
}

const sourceTexts: Readonly<Record<NamesStatus['source'], string>> = {
  held: 'answers wait for the table',
  copied: 'answers are copied',
  lookups: 'answers cannot be seen, only asked for',
  none: '',
};

function namesText({ source, names, lost, unasked, failedLookups }: NamesStatus): string {
  if (names.length === 0) return '';
  const shown = names.slice(0, 20).map(({ name, addresses }) => `${name}: ${addresses}`);
  const more = names.length > shown.length ? [`and ${names.length - shown.length} more`] : [];
  const losses = [
    ...(lost > 0 ? [`${lost} addresses did not fit`] : []),
    ...(unasked > 0 ? [`${unasked} answers that nobody asked for`] : []),
    ...(failedLookups > 0 ? [`${failedLookups} names without an answer`] : []),
  ];
  return [[sourceTexts[source], ...losses].join('; '), ...shown, ...more].join('\n');
}

function addressesText(addresses: readonly string[]): string {
  return addresses.join(', ') || 'none that others could reach it by; see the setting interfaces';
}

function forwardsText({ guests }: NonNullable<AgentStatusDocument['forwards']>): string {
  const own =
    guests.length === 0 ? '' : `for guests on ${guests.join(', ')}, judged as this host where they are no workloads; `;
  return `${own}what passes between other networks is nobody’s, and is not judged`;
}

/** Claims that the control plane does not believe. */
function pendingText({ pending, pendingCount }: AddressStanding): string {
  const more = pendingCount > pending.length ? [`and ${pendingCount - pending.length} more`] : [];
  return [...pending.map(({ address, reason }) => `${address} ${reason}`), ...more].join('\n');
}

/** Absent from an agent that does not say. */
function refusedText(refused: RefusedRecords | undefined): string | undefined {
  const reasons = refusedReasons.flatMap(([why, what, advice]) => {
    const count = refused?.[why] ?? 0;
    return count === 0 ? [] : [`${count} ${what}: ${advice}`];
  });
  if (reasons.length === 0) return undefined;
  return ['the control plane did not count some of the flows this host reported:', ...reasons].join('\n');
}

const refusedReasons = [
  [
    'workload',
    'of a workload that is not this host’s',
    'was it renamed or removed? enrol the host anew if it should be',
  ],
  ['address', 'of an address that it does not hold', 'see NOT ITS OWN here, and segwall agents there'],
  ['time', 'too old to be kept', 'is the clock of this host right?'],
] as const;

function quarantineText({ name, workloads, allowed, allowedCount }: QuarantineStatus): string {
  const inside = workloads.filter((workload) => workload !== name).length;
  const whom = inside === 0 ? name : `${name} and ${inside} of its units and containers`;
  if (allowedCount === 0) return `${whom}: all is denied`;
  const more = allowedCount > allowed.length ? ` and ${allowedCount - allowed.length} more` : '';
  return `${whom}: all is denied but for ${allowed.join(', ')}${more}`;
}

function panicText({ since, reason }: NonNullable<AgentStatusDocument['panic']>): string {
  const why = reason === '' ? '' : `: ${reason}`;
  return `opened at the console at ${since}${why}; policy is kept, not enforced, until segwall-agent resume`;
}

function lostText(lost: number, flows: AgentStatusDocument['flows'] | undefined): string {
  const { inbound = 0, outbound = 0 } = flows?.unrecordedDenials ?? {};
  if (inbound + outbound === 0) return String(lost);
  return `${lost}; of these ${inbound} denied packets inbound and ${outbound} outbound that the kernel had no room to tell apart`;
}

function eventsText({ waiting, lost }: AgentStatusDocument['events']): string | undefined {
  if (waiting === 0 && lost === 0) return undefined;
  return lost === 0
    ? `${waiting} wait for the control plane`
    : `${waiting} wait for the control plane, ${lost} were lost`;
}

function connection({ running, connected, connection: standing }: Partial<AgentStatusDocument>): string {
  if (running !== true) return 'no connection';
  const since = standing === undefined ? '' : ` since ${standing.since}`;
  if (connected === true) return `connected${since}`;
  const why = standing?.reason === undefined || standing.reason === '' ? '' : `: ${standing.reason}`;
  return `not connected${since}${why}; what is in force stays`;
}

/** An agent that does not know them, and the disk where none runs, have `problem` and `warnings` instead. */
function problemRows(status: Partial<AgentStatusDocument>): [string, string | undefined][] {
  const { problems } = status;
  if (problems !== undefined)
    return problems.map(({ code, text, remedy }) => ['PROBLEM', `${code}: ${text}\n${remedy}`]);
  return [
    ['problem', status.problem === '' ? undefined : status.problem],
    ...(status.warnings ?? []).map((text): [string, string] => ['warning', text]),
  ];
}

function revisionText(applied: number | undefined, offered: number | undefined): string | undefined {
  if (applied === undefined) return undefined;
  if (applied === 0) return 'none: this host is open';
  return offered === undefined || offered === applied
    ? `${applied} in force`
    : `${applied} in force, ${offered} was offered`;
}
