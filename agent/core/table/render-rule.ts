// A rule's and an element's text, as nft reads it. Text is made here, for nft, on its way out; nothing of ours reads it.

import { complement, type MarkLayout, maskText } from '#agent-core/marks/mark-layout.ts';
import { tagText } from './map-values.ts';
import type { Key, Match, Rule, Statement, Target, Verdict } from './rule.ts';

/** Whose bits of the mark are which, and what is today's epoch. */
export interface MarkWords {
  readonly marks: MarkLayout;
  readonly epoch: number;
}

export function renderRule({ match, statements, verdict }: Rule, words: MarkWords): string {
  const parts = match.map((one) => matchText(one, words));
  for (const statement of statements) parts.push(statementText(statement, words));
  if (verdict.kind !== 'continue') parts.push(verdictText(verdict, words.marks));
  return parts.join(' ');
}

/** Empty for a set's member. */
export function renderTarget(target: Target): string {
  switch (target.kind) {
    case 'goto':
    case 'jump':
      return `${target.kind} ${target.chain}`;
    case 'tag':
      return tagText(target.number);
    case 'member':
      return '';
  }
}

export function renderElement(key: string, target: Target): string {
  return target.kind === 'member' ? key : `${key} : ${renderTarget(target)}`;
}

/** The decision alone, as a key of a map by `markedDecision`. */
export function decisionText(marks: MarkLayout, decision: number): string {
  return hex(marks.stamp(decision, 0));
}

function matchText(match: Match, { marks, epoch }: MarkWords): string {
  if (typeof match === 'string') return match;
  switch (match.kind) {
    case 'in-set':
      return `${match.key} @${match.set}`;
    case 'not-in-set':
      return `${match.key} != @${match.set}`;
    case 'todays-epoch':
      return `ct mark and ${hex(marks.epochMask)} == ${hex(marks.stamp(0, epoch))}`;
    case 'decided-by':
      return `${decisionInMark(marks)} == ${decisionText(marks, match.decision)}`;
    case 'decided':
      return `${decisionInMark(marks)} != 0`;
    case 'unjudged':
      return `ct mark and ${maskText(marks.mask)} == 0`;
  }
}

function statementText(statement: Statement, { marks, epoch }: MarkWords): string {
  switch (statement.kind) {
    case 'stamp':
      return markSet(marks.mask, marks.stamp(statement.decision, epoch));
    case 'deny':
    case 'name':
      return markSet(marks.mask, marks.stamp(statement.decision, 0));
    case 'give-epoch':
      return markSet(marks.epochMask, marks.stamp(0, epoch));
    case 'count':
      return `counter name ${statement.counter}`;
    case 'add':
    case 'update': {
      const { kind, set, key, over } = statement;
      const rate = over === undefined ? '' : ` limit rate over ${over.perMinute}/minute burst ${over.burst} packets`;
      return `${kind} @${set} { ${key}${rate} }`;
    }
    case 'tag':
      return `meta priority set ${statement.key} map @${statement.map}`;
    case 'log':
      return `log group ${statement.group}`;
  }
}

function verdictText(verdict: Exclude<Verdict, { readonly kind: 'continue' }>, marks: MarkLayout): string {
  switch (verdict.kind) {
    case 'accept':
    case 'drop':
    case 'return':
      return verdict.kind;
    case 'reject':
      return 'reject with icmpx type admin-prohibited';
    case 'goto':
    case 'jump':
      return renderTarget(verdict);
    case 'look-up':
      return `${keyText(verdict.key, marks)} vmap @${verdict.map}`;
    case 'choose':
      return `${verdict.key} vmap { ${verdict.ways.map(([key, way]) => renderElement(key, way)).join(', ')} }`;
    case 'queue':
      return `queue num ${verdict.number} bypass`;
  }
}

function keyText(key: Key, marks: MarkLayout): string {
  return typeof key === 'string' ? key : decisionInMark(marks);
}

function decisionInMark({ decisionMask }: MarkLayout): string {
  return `ct mark and ${maskText(decisionMask)}`;
}

/** The bits of `mask` become `value`'s, and those of others stay. */
function markSet(mask: number, value: number): string {
  return `ct mark set ct mark and ${maskText(complement(mask))} or ${hex(value)}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
