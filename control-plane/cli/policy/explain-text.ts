// An explanation as text: the ends, the layers in order, then guardrails, segments and rules with a mark at each part that hit
// or missed, down to the selector term that decided.

import { serviceText } from '#model/service.ts';
import type { End } from '#model/verdict.ts';
import type {
  EndExplanation,
  Explanation,
  GuardrailTrace,
  ListTrace,
  RuleTrace,
  SegmentTrace,
} from '#policy/judge/explain.ts';
import { ruleText } from '#policy/judge/explain.ts';
import type { Query } from '#policy/policy/policy.ts';

export function renderExplanation(query: Query, explanation: Explanation): string {
  const { verdict, outbound, inbound } = explanation;
  const lines = [
    `${endName(outbound)} → ${endName(inbound)} ${serviceText(query.service)} at ${new Date(query.at).toISOString()}`,
    `verdict: ${verdict.verdict}`,
    '',
    ...renderEnd(outbound),
    '',
    ...renderEnd(inbound),
    '',
    `verdict: ${verdict.verdict}; outbound ${endText(verdict.outbound)}; inbound ${endText(verdict.inbound)}`,
  ];
  return `${lines.join('\n')}\n`;
}

function endName({ address, workload, virtual }: EndExplanation): string {
  if (virtual !== undefined)
    return workload === undefined ? `${virtual} (${address})` : `${virtual} at ${workload} (${address})`;
  return workload === undefined ? address : `${workload} (${address})`;
}

/** "allow by rule shop-prod/web-to-api". */
export function endText(end: End): string {
  if (end.reason === 'unmanaged') return 'unmanaged';
  const combination = end.combination === undefined ? '' : ` (${end.combination})`;
  const rule = end.rule === undefined ? '' : ` ${end.segment}/${end.rule}${combination}`;
  const segment = end.rule === undefined && end.segment !== undefined ? `/${end.segment}${combination}` : '';
  const guardrail =
    end.guardrail === undefined
      ? ''
      : end.reason === 'guardrail'
        ? `/${end.guardrail}`
        : `, guardrail ${end.guardrail}`;
  const named =
    end.essential === undefined ? (end.quarantine === undefined ? '' : `/${end.quarantine}`) : `/${end.essential}`;
  return `${end.verdict} by ${end.reason}${named}${segment}${rule}${guardrail}`;
}

function renderEnd(end: EndExplanation): string[] {
  const labels = Object.entries(end.labels).map(([key, value]) => `${key}=${value}`);
  const head = [`${end.direction} end: ${endName(end)}: ${endText(end.end)}`];
  if (labels.length > 0) head.push(`  labels: ${labels.join(', ')}`);
  if (end.virtual !== undefined && end.workload !== undefined) head.push(`  ${holdersText(end)}`);
  if (end.end.reason === 'unmanaged') return [...head, `  ${unmanagedReason(end)}`];
  for (const { layer, outcome, why } of end.layers) {
    if (outcome !== 'not-reached') head.push(`  ${outcome === 'decides' ? '■' : '·'} ${layer.padEnd(10)} ${why}`);
  }
  return [...head, ...end.guardrails.flatMap(renderGuardrail), ...end.segments.flatMap(renderSegment)];
}

/** Anycast is held by hundreds. */
const mostNamedHolders = 5;

function holdersText({ virtual, workload, holders = [] }: EndExplanation): string {
  const named = holders.slice(0, mostNamedHolders).join(', ');
  const more = holders.length > mostNamedHolders ? ` and ${holders.length - mostNamedHolders} more` : '';
  return `virtual ${virtual}: judged as each that may hold it (${named}${more}); ${workload} decides`;
}

function unmanagedReason({ workload, virtual, address }: EndExplanation): string {
  if (virtual !== undefined) return `no host is selected by "holders" of the virtual workload ${virtual}: it lets pass`;
  return workload === undefined
    ? `no workload holds ${address}: it has no agent, and lets pass`
    : `${workload} is external: it has no agent, and lets pass`;
}

function renderGuardrail({ guardrail, mode, hits, entries }: GuardrailTrace): string[] {
  const lines = [`  guardrail ${guardrail} (${mode}): ${hits ? 'hits' : 'does not hit'}`];
  for (const [index, entry] of entries.entries()) {
    lines.push(`    entry ${index + 1}: ${entry.hits ? 'hits' : 'does not hit'}`, ...renderMatch(entry, '      '));
  }
  return lines;
}

function renderSegment(segment: SegmentTrace): string[] {
  const name = segment.combination === undefined ? segment.segment : `${segment.segment} (${segment.combination})`;
  const head = `  segment ${name}: ${segment.isMember ? `member, ${segment.mode}` : 'no member'}; ${segment.why}`;
  return [head, ...segment.rules.flatMap((rule) => renderRule(rule, '    '))];
}

function renderRule(rule: RuleTrace, indent: string): string[] {
  const note = rule.note === undefined ? '' : ` (${rule.note})`;
  const lines = [
    `${indent}rule ${ruleText(rule)}: ${rule.hits ? 'grants' : 'does not grant'}${note}`,
    ...renderMatch(rule, `${indent}  `),
  ];
  if (rule.time.what !== 'always')
    lines.push(`${indent}  ${mark(rule.time.matches)} time: ${rule.time.what}: ${rule.time.why}`);
  return lines;
}

interface Match {
  readonly from: ListTrace;
  readonly to: ListTrace;
  readonly services: ListTrace;
}

function renderMatch({ from, to, services }: Match, indent: string): string[] {
  const lines: string[] = [];
  for (const [name, list] of [
    ['from', from],
    ['to', to],
  ] as const) {
    for (const { what, matches, why } of list.entries) lines.push(`${indent}${mark(matches)} ${name} ${what}: ${why}`);
  }
  lines.push(`${indent}${mark(services.matches)} services ${services.entries.map(({ what }) => what).join(', ')}`);
  return lines;
}

function mark(matches: boolean): string {
  return matches ? '✓' : '✗';
}

/** What became of one rule at one end. `grants` is no where it was not even asked: `why` says which. */
export interface RuleOutcome {
  readonly direction: EndExplanation['direction'];
  readonly workload?: string;
  readonly grants: 'yes' | 'no';
  readonly why: string;
  readonly end: End;
  readonly trace?: RuleTrace;
}

export function ruleOutcomes(
  { outbound, inbound }: Explanation,
  { segment, rule }: { readonly segment: string; readonly rule: string },
): readonly RuleOutcome[] {
  return [outbound, inbound].map((end) => {
    const base = {
      direction: end.direction,
      ...(end.workload === undefined ? {} : { workload: end.workload }),
      end: end.end,
    };
    if (end.end.reason === 'unmanaged') return { ...base, grants: 'no', why: unmanagedReason(end) };
    const own = end.segments.find((candidate) => candidate.segment === segment);
    if (own?.isMember !== true) {
      return {
        ...base,
        grants: 'no',
        why: `${endName(end)} is no member of ${segment}, and a rule grants its own members only: ${own?.why ?? ''}`,
      };
    }
    const trace = own.rules.find((candidate) => candidate.rule === rule);
    if (trace?.hits !== true)
      return { ...base, grants: 'no', why: 'the rule does not hit', ...(trace === undefined ? {} : { trace }) };
    if (end.end.reason === 'rule') return { ...base, grants: 'yes', why: 'the rule grants here', trace };
    return { ...base, grants: 'no', why: `the rule hits, but an earlier layer decided: ${endText(end.end)}`, trace };
  });
}

export function renderWhyNot(
  { segment, rule }: { readonly segment: string; readonly rule: string },
  outcomes: readonly RuleOutcome[],
): string {
  const lines = [`${segment}/${rule}`];
  for (const { direction, workload, why, trace, end } of outcomes) {
    lines.push(`  ${direction} end${workload === undefined ? '' : ` (${workload})`}: ${why}`);
    if (trace !== undefined) lines.push(...renderRule(trace, '    '));
    lines.push(`    this end: ${endText(end)}`);
  }
  return `${lines.join('\n')}\n`;
}
