// What the hosts of a truth table must have counted and reported once every cell was tried: for each cell, each end that a
// packet of it reached, with the oracle's word on it. What an outbound end denied, the other end never sees.

import type { Address } from '#model/address.ts';
import { protocolNumbers } from '#model/service.ts';
import type { Direction, End } from '#model/verdict.ts';
import { endText } from './decided.ts';
import { addressOf, cellsOf, managedHosts, type Scenario, type State } from './scenario.ts';
import type { World } from './world.ts';

/** One end of one cell, as a host saw it. */
export interface Report {
  readonly host: string;
  readonly direction: Direction;
  readonly client: Address;
  readonly server: Address;
  readonly protocol: number;
  readonly port: number;
  readonly end: End;
}

export function expectedReports(input: {
  readonly scenario: Scenario;
  readonly state: State;
  readonly world: World;
}): readonly Report[] {
  const { scenario, state, world } = input;
  const managed = new Set(managedHosts(scenario, state));
  return cellsOf(scenario).flatMap((cell) => {
    const verdict = world.verdictOf(cell);
    const connection = {
      client: addressOf(scenario, cell.from, cell),
      server: addressOf(scenario, cell.to, cell),
      protocol: protocolNumbers[cell.transport],
      port: cell.port,
    };
    const outbound = { host: cell.from, direction: 'outbound' as const, ...connection, end: verdict.outbound };
    const inbound = { host: cell.to, direction: 'inbound' as const, ...connection, end: verdict.inbound };
    const reached = verdict.outbound.verdict === 'deny' ? [outbound] : [outbound, inbound];
    return reached.filter(({ host }) => managed.has(host));
  });
}

export function reportText({ host, direction, client, server, protocol, port, end }: Report): string {
  return `${host} ${direction} ${client} > ${server} ${protocol}/${port}: ${endText(end)}`;
}

/** What one list has and the other has not, as lines. */
export function differences(input: {
  readonly what: string;
  readonly expected: Iterable<string>;
  readonly seen: Iterable<string>;
}): readonly string[] {
  const expected = new Set(input.expected);
  const seen = new Set(input.seen);
  return [
    ...[...expected].filter((line) => !seen.has(line)).map((line) => `${input.what} lack ${line}`),
    ...[...seen].filter((line) => !expected.has(line)).map((line) => `${input.what} say too much: ${line}`),
  ];
}
