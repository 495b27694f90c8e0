// Which label keys and values a policy speaks of, and which of some labels it does not: a slip in a label gives a host other rules than
// were meant, or none, and nothing else tells. Bounded by the policy and the fleet.

import { closestName } from '#model/closest-name.ts';
import { factPrefix, type Labels } from '#model/label.ts';
import type { Selector } from '#model/selector.ts';
import type { Inventory, Peer, Policy, TestEnd } from '#policy/policy/policy.ts';

/** Values by key; `any` where some place asks for the key, whatever its value (has, each). */
export interface LabelVocabulary {
  readonly values: ReadonlyMap<string, ReadonlySet<string>>;
  readonly any: ReadonlySet<string>;
}

export interface UnknownLabel {
  readonly key: string;
  /** Absent: the key itself is unknown. */
  readonly value?: string;
  readonly closest?: string;
}

/** What selectors ask of labels: values by key, keys whatever their value, and keys by which segments are divided. */
export interface SelectedLabels extends LabelVocabulary {
  readonly each: ReadonlySet<string>;
}

/** What the policy, quarantines and holders of virtual workloads select by. */
export function selectedLabels({
  policy,
  inventory,
}: {
  readonly policy: Policy;
  readonly inventory: Inventory;
}): SelectedLabels {
  const values = new Map<string, Set<string>>();
  const any = new Set<string>();
  const each = new Set<string>();
  const visit = (selector: Selector | undefined): void => {
    switch (selector?.kind) {
      case 'has':
        any.add(selector.key);
        return;
      case 'in':
      case 'not-in': {
        const known = values.get(selector.key) ?? new Set<string>();
        values.set(selector.key, known);
        for (const value of selector.values) known.add(value);
        return;
      }
      case 'not':
        visit(selector.term);
        return;
      case 'and':
      case 'or':
        selector.terms.forEach(visit);
    }
  };
  const visitPeer = (peer: Peer) => {
    if (peer.kind === 'workloads' || peer.kind === 'segment' || peer.kind === 'tenant') visit(peer.selector);
  };
  for (const segment of policy.segments.values()) {
    visit(segment.selector);
    for (const key of segment.each) each.add(key);
    for (const { from, to } of segment.rules) [...from, ...to].forEach(visitPeer);
  }
  for (const { deny } of policy.guardrails.values())
    for (const { from, to } of deny) [...from, ...to].forEach(visitPeer);
  for (const { holders, quarantine } of inventory.workloads.values()) {
    visit(holders);
    quarantine?.peers.forEach(visitPeer);
  }
  return { values, any, each };
}

/** What the policy selects by, and what workloads other than `except` have: both are what people mean by a label. */
export function labelVocabulary(
  { policy, inventory }: { readonly policy: Policy; readonly inventory: Inventory },
  except?: string,
): LabelVocabulary {
  const selected = selectedLabels({ policy, inventory });
  const values = new Map([...selected.values].map(([key, known]) => [key, new Set(known)]));
  const any = new Set([...selected.any, ...selected.each]);
  const add = (key: string, value: string) => {
    const known = values.get(key) ?? new Set<string>();
    values.set(key, known.add(value));
  };
  const addLabels = (labels: Labels) => {
    for (const [key, value] of labels) if (!key.startsWith(factPrefix)) add(key, value);
  };
  const ends = [...policy.tests.values()].flatMap(({ tests }) =>
    tests.flatMap(({ from, to }): TestEnd[] => [from, to]),
  );
  for (const end of ends) if (end.kind === 'labels') addLabels(end.labels);
  for (const { name, labels } of inventory.workloads.values()) if (name !== except) addLabels(labels);
  return { values, any };
}

/** In the order of the labels. */
export function unknownLabels(
  labels: Iterable<readonly [string, string]>,
  known: LabelVocabulary,
): readonly UnknownLabel[] {
  const keys = new Set([...known.values.keys(), ...known.any]);
  return [...labels].flatMap(([key, value]): readonly UnknownLabel[] => {
    if (!keys.has(key)) return [withClosest({ key }, closestName(key, keys))];
    const values = known.values.get(key);
    if (known.any.has(key) || values === undefined || values.has(value)) return [];
    return [withClosest({ key, value }, closestName(value, values))];
  });
}

function withClosest(label: UnknownLabel, closest: string | undefined): UnknownLabel {
  return closest === undefined ? label : { ...label, closest };
}

/** For an operator. */
export function unknownLabelText({ key, value, closest }: UnknownLabel): string {
  const meant = closest === undefined ? '' : `; did you mean ${closest}?`;
  if (value === undefined) return `no policy selects by "${key}", and no other workload has it${meant}`;
  return `no policy asks for ${key}=${value}, and no other workload has it${meant}`;
}
