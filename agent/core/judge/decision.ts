// What happens to a connection at one end, and the layers that say so for one class of peers. The layers are
// docs/reference/policy.md's verdict order, painted from the first to the last: what an earlier layer decided, no later
// one changes.

import type { Address } from '#model/address.ts';
import { cutOffSetOf } from '#model/cut-off.ts';
import type {
  EssentialEntry,
  Grant,
  GuardrailDeny,
  HostRuleSet,
  Quarantine,
  SegmentRef,
  SelectiveServices,
  SocketOwner,
} from '#model/rule-set.ts';
import type { ServiceTerm } from '#model/service.ts';
import { overlay, type ServiceMap, ServicePainter } from '#model/service-map.ts';
import type { DenyAction, Direction, End, EnforcementMode } from '#model/verdict.ts';

/** `accept` passes and stamps the connection; `drop` and `reject` deny it. Equal keys are one decision. */
export interface Decision {
  readonly key: string;
  readonly workload: string;
  readonly direction: Direction;
  readonly action: 'accept' | DenyAction;
  readonly end: End;
  /** Of the connections of one owner; all others meet `otherwise`, which is nobody's own. */
  readonly only?: { readonly owner: SocketOwner; readonly otherwise: Decision };
}

/**
 * What applies to one class of peers in one direction of one workload; lists are in the order of
 * docs/reference/policy.md.
 */
export interface Layers {
  readonly workload: string;
  readonly direction: Direction;
  readonly essentials: readonly EssentialEntry[];
  /** Absent where the workload is not quarantined or the peer is exempt. */
  readonly quarantine?: Quarantine;
  /** `from-peer`: the peer is a quarantined workload whose quarantine does not name this one. */
  readonly cutOff: 'from-peer' | 'none';
  readonly guardrails: readonly GuardrailDeny[];
  readonly mode: EnforcementMode;
  readonly grants: readonly Grant[];
  readonly selective: readonly SelectiveServices[];
  readonly defaultSegment?: SegmentRef;
  readonly onDeny: DenyAction;
}

const anyService: ServiceTerm = { kind: 'any' };

/** Guardrails and quarantines have no onDeny of their own: they deny as a segment does that says nothing. */
const defaultDeny: Readonly<Record<Direction, DenyAction>> = { inbound: 'drop', outbound: 'reject' };

/**
 * A decision that cuts off from quarantined peers is one for all of them, so that a thousand are as cheap as one: whose
 * quarantine it is, the peer's address says.
 */
export function endTowards(end: End, peerAddress: Address, peerSets: HostRuleSet['peerSets']): End {
  if (!isCutOff(end)) return end;
  const quarantine = cutOffSetOf(peerSets, peerAddress)?.quarantine;
  return quarantine === undefined ? end : { ...end, quarantine };
}

export function isCutOff(end: End): boolean {
  return end.reason === 'quarantine' && end.quarantine === undefined;
}

/** The decision for every service: a total map. Decisions of equal key are one object, from `intern`. */
export function decideServices(layers: Layers, intern: Interner): ServiceMap<Decision> {
  const painter = new ServicePainter<Decision>();
  const remembered = new ServicePainter<string>();
  const { workload, direction } = layers;
  const make = (action: Decision['action'], end: Omit<End, 'workload'>) =>
    intern({ workload, direction, action, end: { ...end, workload } });

  const owned = new ServicePainter<{ readonly owner: SocketOwner; readonly allow: Decision }>();
  for (const { name, services, owner } of layers.essentials) {
    const allow = make('accept', { verdict: 'allow', reason: 'essential', essential: name });
    for (const term of services) {
      if (owner === undefined) painter.paint(term, allow);
      else owned.paint(term, { owner, allow });
    }
  }
  if (layers.quarantine !== undefined) {
    const end = { verdict: 'deny', reason: 'quarantine', quarantine: layers.quarantine.name } as const;
    painter.paint(anyService, make(defaultDeny[direction], end));
  }
  if (layers.cutOff === 'from-peer') {
    painter.paint(anyService, make(defaultDeny[direction], { verdict: 'deny', reason: 'quarantine' }));
  }
  for (const { guardrail, mode, services } of layers.guardrails) {
    const deny = make(defaultDeny[direction], { verdict: 'deny', reason: 'guardrail', guardrail });
    for (const term of services) {
      if (mode === 'enforce') painter.paint(term, deny);
      else remembered.paint(term, guardrail);
    }
  }
  if (layers.mode === 'off') painter.paint(anyService, make('accept', { verdict: 'allow', reason: 'off' }));
  for (const { segment, combination, rule, services } of layers.grants) {
    const end = {
      verdict: 'allow',
      reason: 'rule',
      segment,
      ...(combination === undefined ? {} : { combination }),
      rule,
    } as const;
    const allow = make('accept', end);
    for (const term of services) painter.paint(term, allow);
  }
  paintDefault(painter, layers, make);

  const everybodys = overlay(painter.finish(), remembered.finish(), (decision, guardrail) =>
    guardrail === undefined || decision.end.reason !== 'rule'
      ? decision
      : make('accept', { ...decision.end, verdict: 'would-deny', guardrail }),
  );
  return overlay(everybodys, owned.finish(), (decision, own) => {
    if (own === undefined || decision.end.reason === 'essential') return decision;
    const { action, end } = own.allow;
    return intern({ workload, direction, action, end, only: { owner: own.owner, otherwise: decision } });
  });
}

/** What the connections of an owner meet; without one, of everybody. */
export function decisionFor(owner: SocketOwner | undefined, decision: Decision): Decision {
  return decision.only?.owner.uid === owner?.uid ? decision : everybodysDecision(decision);
}

/** What all but the owner meet. */
export function everybodysDecision(decision: Decision): Decision {
  return decision.only?.otherwise ?? decision;
}

/** Gives the one object that stands for a decision. */
export type Interner = (decision: Omit<Decision, 'key'>) => Decision;

/** `before`: decisions of another table, which stay the objects they are. */
export function createInterner(before: Iterable<Decision> = []): Interner {
  const known = new Map<string, Decision>();
  for (const decision of before) known.set(decision.key, decision);
  return (decision) => {
    const key = decisionKey(decision);
    const found = known.get(key);
    if (found !== undefined) return found;
    const made: Decision = { key, ...decision };
    known.set(key, made);
    return made;
  };
}

/** Every field that makes a decision what it is, in a fixed order; names hold no spaces, so a space parts them. */
export function decisionKey({ workload, direction, action, end, only }: Omit<Decision, 'key'>): string {
  const part = (value: string | undefined) => value ?? '-';
  return [
    workload,
    direction,
    action,
    end.verdict,
    end.reason,
    part(end.segment),
    part(end.combination),
    part(end.rule),
    part(end.guardrail),
    part(end.essential),
    part(end.quarantine),
    ...(only === undefined ? [] : [only.owner.uid, only.otherwise.key]),
  ].join(' ');
}

function paintDefault(
  painter: ServicePainter<Decision>,
  layers: Layers,
  make: (action: Decision['action'], end: Omit<End, 'workload'>) => Decision,
): void {
  if (layers.mode === 'selective') {
    for (const { segment, combination, services, onDeny } of layers.selective) {
      const end = {
        verdict: 'deny',
        reason: 'default',
        segment,
        ...(combination === undefined ? {} : { combination }),
      } as const;
      const deny = make(onDeny ?? layers.onDeny, end);
      for (const term of services) painter.paint(term, deny);
    }
  }
  const verdict = layers.mode === 'enforce' ? 'deny' : 'would-deny';
  const action = layers.mode === 'enforce' ? layers.onDeny : 'accept';
  painter.paint(anyService, make(action, { verdict, reason: 'default', ...layers.defaultSegment }));
}

/**
 * The decision behind a key: for connections that a rule let in which is gone by now. Undefined for text that is no
 * key.
 */
export function parseDecisionKey(key: string): Decision | undefined {
  const [workload = '', direction, action, verdict, reason, ...names] = key.split(' ');
  if (direction !== 'inbound' && direction !== 'outbound') return undefined;
  if (action !== 'accept' && action !== 'drop' && action !== 'reject') return undefined;
  const fields = ['segment', 'combination', 'rule', 'guardrail', 'essential', 'quarantine'] as const;
  const named = fields.flatMap((field, index) => {
    const value = names[index];
    return value === undefined || value === '-' ? [] : [[field, value]];
  });
  const end = { verdict, reason, workload, ...Object.fromEntries(named) } as End;
  return { key, workload, direction, action, end };
}
