// A policy and an inventory from YAML text, checked, for tests; throws with every problem where there is an error. `query` and
// `endText` keep tables to one line a case.

import { type Address, parseAddress } from '#model/address.ts';
import { assertOk } from '#model/result.ts';
import { protocolNumbers, type Service } from '#model/service.ts';
import { type Millis, millis } from '#model/time.ts';
import type { End } from '#model/verdict.ts';
import { checkPolicy } from '#policy/check/check-policy.ts';
import { createOracle, type Oracle } from '#policy/judge/oracle.ts';
import type { Inventory, Policy, Query } from '#policy/policy/policy.ts';
import { problemText } from '#policy/source/problem.ts';

export const noon = millis(Date.UTC(2026, 0, 7, 12));

export interface World {
  readonly policy: Policy;
  readonly inventory: Inventory;
  readonly oracle: Oracle;
}

export function createWorld(policyText: string, inventoryText: string): World {
  const { problems, policy, inventory } = checkPolicy({
    files: [{ path: 'policy.yaml', text: policyText }],
    inventoryFiles: [{ path: 'inventory.yaml', text: inventoryText }],
    now: noon,
    mode: 'offline',
  });
  if (policy === undefined || inventory === undefined) throw new Error(problems.map(problemText).join('\n'));
  return { policy, inventory, oracle: createOracle({ policy, inventory }) };
}

export function document(kind: string, name: string, spec: string): string {
  return `---\napiVersion: segwall/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec:\n${indented(spec)}\n`;
}

export const segment = (name: string, spec: string): string => document('Segment', name, spec);

/** "web-1 h1 10.0.0.1,fd00::1 app=shop,role=web" or, with a kind and a unit, "u h1/x.service - role=u"; "vip virtual/role=='lb' …" names its holders. */
export function workloads(...lines: readonly string[]): string {
  return lines
    .map((line) => {
      const [name = '', place = '', addresses = '-', labels = ''] = line.split(/\s+/);
      const [host = '', ...details] = place.split('/');
      const detail = details.length === 0 ? undefined : details.join('/');
      const kind =
        host === 'external' || host === 'virtual'
          ? host
          : detail === undefined
            ? 'host'
            : detail === 'container'
              ? 'container'
              : 'unit';
      const pairs = labels.split(',').filter((label) => label !== '');
      const written = pairs.filter((pair) => !pair.startsWith('fact/')).map((pair) => pair.replace(/=(.*)/, ': "$1"'));
      const facts = pairs
        .filter((pair) => pair.startsWith('fact/'))
        .map((pair) => pair.slice(5).replace(/=(.*)/, ': "$1"'));
      const fields = [`kind: ${kind}`];
      if (kind === 'virtual') fields.push(`holders: ${detail}`);
      else if (kind !== 'external') fields.push(`host: ${host}`);
      if (kind === 'unit') fields.push(`unit: ${detail}`);
      if (addresses !== '-') fields.push(`addresses: ["${addresses.split(',').join('", "')}"]`);
      if (facts.length > 0) fields.push(`facts: { ${facts.join(', ')} }`);
      return `---\napiVersion: segwall/v1\nkind: Workload\nmetadata: { name: ${name}, labels: { ${written.join(', ')} } }\nspec: { ${fields.join(', ')} }\n`;
    })
    .join('');
}

export function address(text: string): Address {
  return assertOk(parseAddress(text));
}

/** "tcp/443", "icmp/8", "icmp", "proto/47". */
export function service(text: string): Service {
  const [name = '', value] = text.split('/');
  const number = value === undefined ? undefined : Number(value);
  if (name === 'proto') return { protocol: number ?? 0 };
  const protocol = protocolNumbers[name as keyof typeof protocolNumbers];
  if (name.startsWith('icmp')) return number === undefined ? { protocol } : { protocol, icmpType: number };
  return { protocol, port: number ?? 0 };
}

/** "10.0.0.1 10.0.0.2 tcp/80"; an end as "unit@10.0.0.1" names its workload. */
export function query(text: string, at: Millis = noon): Query {
  const [from = '', to = '', term = ''] = text.split(/\s+/);
  const end = (written: string) => written.split('@').reverse();
  const [src = '', srcWorkload] = end(from);
  const [dst = '', dstWorkload] = end(to);
  return {
    src: address(src),
    dst: address(dst),
    service: service(term),
    ...(srcWorkload === undefined ? {} : { srcWorkload }),
    ...(dstWorkload === undefined ? {} : { dstWorkload }),
    at,
  };
}

/** "allow rule shop/web", "deny default shop [app=a]", "would-deny rule shop/web !guard", "unmanaged". */
export function endText(end: End): string {
  if (end.verdict === 'unmanaged') return 'unmanaged';
  const place = end.segment === undefined ? '' : ` ${end.segment}${end.rule === undefined ? '' : `/${end.rule}`}`;
  const combination = end.combination === undefined ? '' : ` [${end.combination}]`;
  const guardrail = end.guardrail === undefined ? '' : ` !${end.guardrail}`;
  const named = end.essential ?? end.quarantine;
  return `${end.verdict} ${end.reason}${named === undefined ? '' : ` ${named}`}${place}${combination}${guardrail}`;
}

function indented(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => `  ${line}`)
    .join('\n');
}
