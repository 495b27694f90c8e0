// What the compiled rule sets say of both ends of a query: at a virtual workload's address, every host that may hold it is asked, and the
// first that lets least pass speaks for the end. A rule set knows of loopback only its own addresses; that both ends are one workload
// is added here where only the query shows it.

import { evaluateEnd } from '#model/evaluate.ts';
import type { Direction, End } from '#model/verdict.ts';
import { isManaged } from '#policy/claims/managed-workload.ts';
import type { CompiledFleet } from '#policy/compile/compile.ts';
import type { Holders } from '#policy/judge/address-holders.ts';
import type { Query, Workload } from '#policy/policy/policy.ts';

const strictness: Readonly<Record<End['verdict'], number>> = { unmanaged: 0, allow: 1, 'would-deny': 2, deny: 3 };

export interface CompiledQuestion {
  readonly fleet: Pick<CompiledFleet, 'ruleSetOf'>;
  readonly holders: Holders;
  readonly query: Query;
}

/** The workloads as which an end is judged. */
export function judgedOf({ holders, query }: CompiledQuestion, direction: Direction): readonly Workload[] {
  return direction === 'outbound'
    ? holders.judgedAt(query.src, query.srcWorkload)
    : holders.judgedAt(query.dst, query.dstWorkload);
}

export function compiledEnd(question: CompiledQuestion, direction: Direction): End {
  const { query, holders } = question;
  const far = judgedOf(question, direction === 'outbound' ? 'inbound' : 'outbound');
  let worst: End | undefined;
  for (const workload of judgedOf(question, direction)) {
    const end = oneEnd(question, { workload, direction, far });
    if (worst === undefined || strictness[end.verdict] > strictness[worst.verdict]) worst = end;
  }
  if (worst !== undefined) return worst;
  const [address, name] = direction === 'outbound' ? [query.src, query.srcWorkload] : [query.dst, query.dstWorkload];
  const known = holders.workloadAt(address, name);
  return { verdict: 'unmanaged', reason: 'unmanaged', ...(known === undefined ? {} : { workload: known.name }) };
}

function oneEnd(
  { fleet, query, holders }: CompiledQuestion,
  {
    workload,
    direction,
    far,
  }: { readonly workload: Workload; readonly direction: Direction; readonly far: readonly Workload[] },
): End {
  const { name } = workload;
  const ruleSet = workload.host === undefined ? undefined : fleet.ruleSetOf(workload.host, 1);
  if (!isManaged(workload) || ruleSet === undefined) {
    return { verdict: 'unmanaged', reason: 'unmanaged', workload: name };
  }
  const [localAddress, peerAddress] = direction === 'outbound' ? [query.src, query.dst] : [query.dst, query.src];
  const isVirtual = [localAddress, peerAddress].some((address) => holders.workloadAt(address)?.kind === 'virtual');
  if (isVirtual && far.length > 0 && far.every((other) => other === workload)) {
    return { verdict: 'allow', reason: 'essential', workload: name, essential: 'loopback' };
  }
  return evaluateEnd({ ruleSet, workload: name, direction, localAddress, peerAddress, service: query.service });
}
