// One line of `policy eval`: a query as JSON, read strictly, and its answer with the keys that docs/reference/cli.md
// promises.

import { type Address, familyOf, parseAddress } from '#model/address.ts';
import { closestName } from '#model/closest-name.ts';
import { err, ok, type Result } from '#model/result.ts';
import { protocolNumbers, type Service } from '#model/service.ts';
import { type Millis, millis } from '#model/time.ts';
import type { End, Verdict } from '#model/verdict.ts';
import { type HeldVirtuals, heldVirtuals } from '#policy/judge/held-virtuals.ts';
import type { Inventory, Query, Workload } from '#policy/policy/policy.ts';
import { parseInstant } from '#policy/read/time.ts';

export interface QueryError {
  readonly code: 'bad-json' | 'bad-query' | 'unknown-workload' | 'line-too-long';
  readonly message: string;
}

export interface QueryDefaults {
  readonly inventory: Inventory;
  readonly at: Millis;
}

const queryKeys = ['src', 'dst', 'proto', 'port', 'type', 'srcWorkload', 'dstWorkload', 'at'];
const knownKeys: ReadonlySet<string> = new Set(queryKeys);
const portProtocols: readonly number[] = [protocolNumbers.tcp, protocolNumbers.udp, protocolNumbers.sctp];
const icmpProtocols: readonly number[] = [protocolNumbers.icmp, protocolNumbers.icmpv6];

/** Thrown inside this file only. */
class BadQuery extends Error {
  readonly code: QueryError['code'];
  constructor(message: string, code: QueryError['code'] = 'bad-query') {
    super(message);
    this.code = code;
  }
}

/** Keys that are none of the query's are passed over, so that queries may carry notes; misspellings are errors. */
export function parseQueryLine(line: string, defaults: QueryDefaults): Result<Query, QueryError> {
  try {
    return ok(queryOf(jsonObject(line), defaults));
  } catch (cause) {
    if (cause instanceof BadQuery) return err({ code: cause.code, message: cause.message });
    throw cause;
  }
}

function jsonObject(line: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new BadQuery(`the line is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, 'bad-json');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BadQuery(
      'the line is no JSON object; a query is as {"src":"10.0.0.1","dst":"10.0.0.2","proto":"tcp","port":443}',
    );
  }
  return value as Readonly<Record<string, unknown>>;
}

function queryOf(given: Readonly<Record<string, unknown>>, { inventory, at }: QueryDefaults): Query {
  for (const key in given) if (!knownKeys.has(key)) refuseMisspelling(key);
  const src = addressOf(given, 'src');
  const dst = addressOf(given, 'dst');
  if (familyOf(src) !== familyOf(dst))
    throw new BadQuery('src and dst are of different families; both are IPv4 or both are IPv6');
  const service = serviceOf(given);
  const srcWorkload = workloadOf(given, { key: 'srcWorkload', address: src, inventory });
  const dstWorkload = workloadOf(given, { key: 'dstWorkload', address: dst, inventory });
  const instant = instantOf(given['at'], at);
  // Nearly all name neither, and spreading costs as much as the rest of this.
  if (srcWorkload === undefined && dstWorkload === undefined) return { src, dst, service, at: instant };
  return {
    src,
    dst,
    service,
    ...(srcWorkload === undefined ? {} : { srcWorkload }),
    ...(dstWorkload === undefined ? {} : { dstWorkload }),
    at: instant,
  };
}

function refuseMisspelling(key: string): void {
  if (key.length < 3) return;
  const closest = closestName(key, queryKeys);
  if (closest !== undefined)
    throw new BadQuery(`"${key.slice(0, 60)}" is no key of a query; did you mean "${closest}"?`);
}

function addressOf(given: Readonly<Record<string, unknown>>, key: 'src' | 'dst'): Address {
  const value = given[key];
  if (typeof value !== 'string')
    throw new BadQuery(`"${key}" is ${value === undefined ? 'missing' : 'no string'}; it is an IPv4 or IPv6 address`);
  const address = parseAddress(value.slice(0, 100));
  if (!address.ok) throw new BadQuery(`${key}: ${address.error}`);
  return address.value;
}

function serviceOf(given: Readonly<Record<string, unknown>>): Service {
  const protocol = protocolOf(given['proto']);
  const port = numberOf(given, { key: 'port', greatest: 65535 });
  const icmpType = numberOf(given, { key: 'type', greatest: 255 });
  if (portProtocols.includes(protocol)) {
    if (port === undefined || port < 1)
      throw new BadQuery(`"port" is ${port ?? 'missing'}; it is a number from 1 to 65535`);
    if (icmpType !== undefined) throw new BadQuery('"type" stands in a query that is not of icmp or icmpv6; remove it');
    return { protocol, port };
  }
  if (icmpProtocols.includes(protocol)) {
    if (port !== undefined && port !== 0 && icmpType === undefined) {
      throw new BadQuery('"port" stands in a query of icmp or icmpv6, which has none; give "type"');
    }
    return icmpType === undefined ? { protocol } : { protocol, icmpType };
  }
  if (icmpType !== undefined) throw new BadQuery('"type" stands in a query that is not of icmp or icmpv6; remove it');
  return { protocol };
}

function protocolOf(value: unknown): number {
  if (typeof value === 'string') {
    const name = value.toLowerCase();
    if (Object.hasOwn(protocolNumbers, name)) return protocolNumbers[name as keyof typeof protocolNumbers];
    if (/^\d{1,3}$/.test(name) && Number(name) <= 255) return Number(name);
  }
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 255) return value;
  const found = value === undefined ? 'missing' : JSON.stringify(value).slice(0, 60);
  throw new BadQuery(`"proto" is ${found}; it is tcp, udp, sctp, icmp, icmpv6 or a number from 0 to 255`);
}

function numberOf(
  given: Readonly<Record<string, unknown>>,
  { key, greatest }: { readonly key: 'port' | 'type'; readonly greatest: number },
): number | undefined {
  const value = given[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= greatest) return value;
  throw new BadQuery(`"${key}" is ${JSON.stringify(value).slice(0, 60)}; it is a number up to ${greatest}`);
}

interface NamedEnd {
  readonly key: 'srcWorkload' | 'dstWorkload';
  readonly address: Address;
  readonly inventory: Inventory;
}

/**
 * The named workload must hold the address, or its host must: behind translation a container is known by its host's.
 */
function workloadOf(
  given: Readonly<Record<string, unknown>>,
  { key, address, inventory }: NamedEnd,
): string | undefined {
  const name = given[key];
  if (name === undefined || name === null) return undefined;
  if (typeof name !== 'string') throw new BadQuery(`"${key}" is no string; it is the name of a workload`);
  const workload = inventory.workloads.get(name);
  if (workload === undefined) {
    const closest = closestName(name, inventory.workloads.keys());
    const suggestion = closest === undefined ? '' : `; did you mean "${closest}"?`;
    throw new BadQuery(
      `${key}: there is no workload "${name.slice(0, 60)}" in the inventory${suggestion}`,
      'unknown-workload',
    );
  }
  if (workload.addresses.includes(address)) return name;
  for (const other of inventory.workloads.values()) {
    if (
      other.kind === 'host' &&
      other.host === workload.host &&
      workload.kind !== 'external' &&
      other.addresses.includes(address)
    )
      return name;
  }
  if (mayHold(workload, address, inventory)) return name;
  throw new BadQuery(
    `${key}: the workload "${name}" does not hold ${address}; its addresses are ${workload.addresses.join(', ') || 'none'}`,
  );
}

/** Of an inventory, for thousands of queries. */
const heldOf = new WeakMap<Inventory['workloads'], HeldVirtuals>();

/** Whether the address is a virtual workload's whose holders select the workload's host. */
function mayHold(workload: Workload, address: Address, { workloads }: Inventory): boolean {
  const held = heldOf.get(workloads) ?? heldVirtuals(workloads);
  heldOf.set(workloads, held);
  return held.virtualOf(workload).some(({ addresses }) => addresses.includes(address));
}

function instantOf(value: unknown, fallback: Millis): Millis {
  if (value === undefined || value === null) return fallback;
  if (typeof value === 'number' && Number.isFinite(value) && Math.abs(value) <= 8.64e15) return millis(value);
  const instant = typeof value === 'string' ? parseInstant(value) : undefined;
  if (instant !== undefined) return instant;
  throw new BadQuery(
    `"at" is ${JSON.stringify(value).slice(0, 60)}; it is an instant as "2027-03-01T00:00:00Z", or milliseconds since 1970`,
  );
}

/**
 * The answer's keys, in the order of docs/reference/cli.md; what an end has not is left out. Written field by field,
 * and without escapes, since names and label values hold nothing that JSON would escape: making JSON of a whole object
 * cost as much as judging it.
 */
export function verdictJson({ verdict, outbound, inbound }: Verdict): string {
  return `{"verdict":"${verdict}","outbound":${endText(outbound)},"inbound":${endText(inbound)}}`;
}

function endText({ verdict, reason, workload, segment, combination, rule, guardrail }: End): string {
  let text = `{"verdict":"${verdict}","reason":"${reason}"`;
  if (workload !== undefined) text += `,"workload":"${workload}"`;
  if (segment !== undefined) text += `,"segment":"${segment}"`;
  if (combination !== undefined) text += `,"combination":"${combination}"`;
  if (rule !== undefined) text += `,"rule":"${rule}"`;
  if (guardrail !== undefined) text += `,"guardrail":"${guardrail}"`;
  return `${text}}`;
}
