// What is the same for every connection of one workload, computed once: its standing, the rules and guardrail entries whose local
// side it can be, and the ends that its verdicts come to. Rules that are left out cannot match. explain.ts looks at every rule; a
// property test compares the two.

import { protocolNumbers, type Service, type ServiceTerm } from '#model/service.ts';
import type { Direction, End, EnforcementMode } from '#model/verdict.ts';
import type {
  Guardrail,
  GuardrailEntry,
  Peer,
  Rule,
  Segment,
  Workload,
  WorkloadQuarantine,
} from '#policy/policy/policy.ts';
import type { Matching, Membership, PeerScope, RuleAddress, Standing } from './matching.ts';
import { RulesByService } from './rules-by-service.ts';

/**
 * `settled`: the local peers match the workload whatever its address, and need not be asked again. `open`: they are to be asked, with
 * the address of the packet.
 */
export type LocalMatch = 'settled' | 'open';

export interface LocalRule {
  readonly rule: Rule;
  readonly membership: Membership;
  readonly localMatch: LocalMatch;
  /** The end where this rule grants and no guardrail is remembered. */
  readonly grant: End;
}

/** A segment of many rules is asked by service: a list for each of its members would cost members × rules. */
export interface LargeMembership {
  readonly membership: Membership;
  readonly rules: RulesByService;
}

/** A rule of one of many segments, as its services file it. */
export interface MemberRule extends Pick<Rule, 'services'> {
  readonly rule: Rule;
  readonly membership: Membership;
}

/** The rules of all segments of a workload that is in many; all workloads in the same ones share them. */
export interface ManyMemberships {
  readonly many: RulesByService<MemberRule>;
}

export interface Denial {
  readonly guardrail: Guardrail;
  readonly entry: GuardrailEntry;
}

const mostListedRules = 32;
/** Rules are not listed for each workload in more segments than this. */
const mostListedMemberships = 64;
/** Beyond so many entries each workload is asked about all of them, instead of keeping a list of its own. */
const mostListedDenials = 256;

export class Subject {
  readonly workload: Workload;
  readonly name: string;
  readonly isExternal: boolean;
  readonly quarantine: WorkloadQuarantine | undefined;
  readonly outbound: SubjectEnd;
  readonly inbound: SubjectEnd;

  constructor(matching: Matching, workload: Workload) {
    this.workload = workload;
    this.name = workload.name;
    this.isExternal = workload.kind === 'external';
    this.quarantine = workload.quarantine;
    this.outbound = new SubjectEnd(matching, workload, 'outbound');
    this.inbound = new SubjectEnd(matching, workload, 'inbound');
  }
}

/** One direction of a subject. */
export class SubjectEnd {
  readonly mode: EnforcementMode;
  /** In order of the guardrails' names. */
  readonly denials: readonly Denial[];
  /** In order of segment, combination and rule name. */
  readonly rules: readonly (LocalRule | LargeMembership | ManyMemberships)[];
  /**
   * For each of `rules`, the lowest and the highest protocol and port that it may match. A connection outside is refused without
   * reading the rule. One flat array, because fetching a rule from cold memory costs more than asking it.
   */
  readonly hulls: readonly number[];
  /** Layer 6 where no selective service matches. */
  readonly byDefault: End;

  constructor(matching: Matching, workload: Workload, direction: Direction) {
    const standing = matching.standingOf(workload);
    this.mode = standing[direction];
    this.denials = localDenials(matching, workload, direction);
    this.rules =
      standing.memberships.length > mostListedMemberships
        ? [manyMemberships(standing)]
        : standing.memberships.flatMap<LocalRule | LargeMembership>((membership) =>
            membership.rules.length > mostListedRules
              ? [{ membership, rules: rulesByService(membership) }]
              : localRules(matching, { workload, membership, direction }),
          );
    this.hulls = this.rules.flatMap((own) => ('rule' in own ? hullOf(own.rule.services) : [0, wholeHull]));
    const named = standing.memberships.find(({ segment }) => segment[direction] === this.mode);
    this.byDefault = defaultEnd(workload, this.mode === 'enforce' ? 'deny' : 'would-deny', named);
  }
}

export function defaultEnd(
  workload: Workload,
  verdict: 'deny' | 'would-deny',
  membership: Membership | undefined,
): End {
  return {
    verdict,
    reason: 'default',
    workload: workload.name,
    ...(membership === undefined ? {} : { segment: membership.segment.name }),
    ...(membership?.combination === undefined ? {} : { combination: membership.combination }),
  };
}

export function grantEnd(workload: Workload, membership: Membership, rule: Rule): End {
  return { verdict: 'allow', reason: 'rule', workload: workload.name, ...ruleAddress(membership, rule) };
}

function localRules(
  matching: Matching,
  {
    workload,
    membership,
    direction,
  }: { readonly workload: Workload; readonly membership: Membership; readonly direction: Direction },
): LocalRule[] {
  const listed: LocalRule[] = [];
  for (const rule of membership.rules) {
    const localMatch = localMatchOf(matching, { peers: localPeers(rule, direction), workload, scope: membership });
    if (localMatch === 'never') continue;
    listed.push({ rule, membership, localMatch, grant: grantEnd(workload, membership, rule) });
  }
  return listed;
}

function localDenials(matching: Matching, workload: Workload, direction: Direction): readonly Denial[] {
  const all = denialsOf(matching);
  if (all.length === 0 || all.length > mostListedDenials) return all;
  return all.filter(
    ({ entry }) =>
      localMatchOf(matching, { peers: localPeers(entry, direction), workload, scope: undefined }) !== 'never',
  );
}

function localMatchOf(
  matching: Matching,
  {
    peers,
    workload,
    scope,
  }: { readonly peers: readonly Peer[]; readonly workload: Workload; readonly scope: PeerScope },
): LocalMatch | 'never' {
  let localMatch: 'open' | 'never' = 'never';
  for (const peer of peers) {
    if (peer.kind === 'ranges' || peer.kind === 'fqdn') localMatch = 'open';
    else if (matching.means(peer, workload, scope)) return 'settled';
    else if (matching.virtualOf(workload).some((virtual) => matching.means(peer, virtual, scope))) localMatch = 'open';
  }
  return localMatch;
}

function hullOf(terms: readonly ServiceTerm[]): readonly [least: number, greatest: number] {
  let [least, greatest] = [Number.MAX_SAFE_INTEGER, -1];
  for (const term of terms) {
    if (term.kind !== 'ports') return [0, wholeHull];
    const first = protocolNumbers[term.protocol] * 65_536;
    least = Math.min(least, first + term.low);
    greatest = Math.max(greatest, first + term.high);
  }
  return [least, greatest];
}

export function hullPoint({ protocol, port = 0 }: Service): number {
  return protocol * 65_536 + port;
}

const wholeHull = 256 * 65_536;

export function ruleAddress({ segment, combination }: Membership, rule: Rule): RuleAddress {
  return { segment: segment.name, ...(combination === undefined ? {} : { combination }), rule: rule.name };
}

function localPeers(match: { readonly from: readonly Peer[]; readonly to: readonly Peer[] }, direction: Direction) {
  return direction === 'outbound' ? match.from : match.to;
}

const segmentIndexes = new WeakMap<Segment, RulesByService>();

function rulesByService({ segment, rules }: Membership): RulesByService {
  let index = segmentIndexes.get(segment);
  if (index === undefined) {
    index = new RulesByService(rules);
    segmentIndexes.set(segment, index);
  }
  return index;
}

const manyByStanding = new WeakMap<Standing, ManyMemberships>();

function manyMemberships(standing: Standing): ManyMemberships {
  let found = manyByStanding.get(standing);
  if (found === undefined) {
    const rules = standing.memberships.flatMap((membership) =>
      membership.rules.map((rule): MemberRule => ({ services: rule.services, rule, membership })),
    );
    found = { many: new RulesByService(rules) };
    manyByStanding.set(standing, found);
  }
  return found;
}

const denialLists = new WeakMap<Matching, readonly Denial[]>();

function denialsOf(matching: Matching): readonly Denial[] {
  let list = denialLists.get(matching);
  if (list === undefined) {
    list = [...matching.policy.guardrails.values()].flatMap((guardrail) =>
      guardrail.deny.map((entry) => ({ guardrail, entry })),
    );
    denialLists.set(matching, list);
  }
  return list;
}
