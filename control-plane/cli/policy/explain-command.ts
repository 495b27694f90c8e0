// `segwall policy explain DIR --inventory F SRC DST PROTO/PORT`: the way to one verdict, for a reader or as JSON; with
// --why-not SEGMENT/RULE only what became of that rule, at both ends.

import { CommandFailure } from '#cli/output/failure.ts';
import { printJson } from '#cli/output/printing.ts';
import { type Address, familyOf, parseAddress } from '#model/address.ts';
import { closestName } from '#model/closest-name.ts';
import { parseServiceTerm, protocolNumbers, type Service } from '#model/service.ts';
import { createOracle } from '#policy/judge/oracle.ts';
import type { Inventory, Policy, Query } from '#policy/policy/policy.ts';
import { renderExplanation, renderWhyNot, ruleOutcomes } from './explain-text.ts';
import { loadPolicy, type PolicyOptions } from './load-policy.ts';

export interface ExplainOptions extends PolicyOptions {
  readonly whyNot?: string;
  readonly json?: true;
}

export interface Connection {
  readonly src: string;
  readonly dst: string;
  readonly service: string;
}

export async function runExplain(directory: string, connection: Connection, options: ExplainOptions): Promise<void> {
  const { policy, inventory, now } = await loadPolicy(directory, options);
  const query: Query = { ...endsOf(connection, inventory), service: parseService(connection.service), at: now };
  const explanation = createOracle({ policy, inventory }).explain(query);
  if (options.whyNot === undefined) {
    if (options.json === true) printJson({ query, ...explanation });
    else process.stdout.write(renderExplanation(query, explanation));
    return;
  }
  const address = ruleAddress(options.whyNot, policy);
  const outcomes = ruleOutcomes(explanation, address);
  if (options.json === true) printJson({ query, ...address, ends: outcomes });
  else process.stdout.write(renderWhyNot(address, outcomes));
  if (outcomes.some(({ grants }) => grants === 'yes')) process.exitCode = 1;
}

function ruleAddress(text: string, policy: Policy): { readonly segment: string; readonly rule: string } {
  const [segment = '', rule = '', ...rest] = text.split('/');
  const found = rest.length === 0 ? policy.segments.get(segment)?.rules.some(({ name }) => name === rule) : undefined;
  if (found === true) return { segment, rule };
  const names = [...policy.segments.values()].flatMap((one) => one.rules.map(({ name }) => `${one.name}/${name}`));
  const closest = closestName(text, names);
  const suggestion = closest === undefined ? '' : `; did you mean ${closest}?`;
  throw new CommandFailure(2, 'unknown-rule', `there is no rule "${text}"; --why-not takes SEGMENT/RULE${suggestion}`);
}

/** "tcp/443", "icmp/8", "icmp", "proto/47": one service, not a range. */
export function parseService(text: string): Service {
  const term = parseServiceTerm(text);
  if (term.ok) {
    const { value } = term;
    if (value.kind === 'ports' && value.low === value.high)
      return { protocol: protocolNumbers[value.protocol], port: value.low };
    if (value.kind === 'protocol') return { protocol: value.number };
    if (value.kind === 'icmp' || value.kind === 'icmpv6') {
      const protocol = protocolNumbers[value.kind];
      return value.type === 'any' ? { protocol } : { protocol, icmpType: value.type };
    }
  }
  throw new CommandFailure(
    2,
    'bad-service',
    `"${text}" is not one service; write PROTO/PORT as tcp/443, icmp/TYPE, icmpv6/TYPE or proto/NUMBER`,
  );
}

interface NamedEnd {
  readonly addresses: readonly Address[];
  readonly workload?: string;
}

/** Workloads named instead of addresses stand for their first addresses of one family, IPv4 before IPv6. */
function endsOf({ src, dst }: Connection, inventory: Inventory): Omit<Query, 'service' | 'at'> {
  const from = namedEnd(src, inventory);
  const to = namedEnd(dst, inventory);
  for (const family of ['ipv4', 'ipv6'] as const) {
    const source = from.addresses.find((address) => familyOf(address) === family);
    const destination = to.addresses.find((address) => familyOf(address) === family);
    if (source === undefined || destination === undefined) continue;
    return {
      src: source,
      dst: destination,
      ...(from.workload === undefined ? {} : { srcWorkload: from.workload }),
      ...(to.workload === undefined ? {} : { dstWorkload: to.workload }),
    };
  }
  throw new CommandFailure(
    2,
    'no-common-family',
    `${src} and ${dst} have no addresses of one family; give two IPv4 or two IPv6 ends`,
  );
}

function namedEnd(text: string, inventory: Inventory): NamedEnd {
  const address = parseAddress(text);
  if (address.ok) return { addresses: [address.value] };
  const workload = inventory.workloads.get(text);
  if (workload !== undefined) return { addresses: workload.addresses, workload: workload.name };
  const closest = closestName(text, inventory.workloads.keys());
  const suggestion = closest === undefined ? '' : `; did you mean ${closest}?`;
  throw new CommandFailure(
    2,
    'unknown-workload',
    `"${text}" is neither an address nor a workload of the inventory${suggestion}`,
  );
}
