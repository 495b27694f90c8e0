// The host's own settings: what passes before any policy, which interfaces count, how flows are kept. One optional YAML file,
// read once at the start. A bad setting names itself, its value and what is allowed; nothing is guessed.

import { readFile } from 'node:fs/promises';
import type { NameBounds } from '#agent-core/learnt-names.ts';
import { defaultMarks, type MarkLayout, markLayoutOf } from '#agent-core/mark-layout.ts';
import type { InterfacePatterns } from '#agent-core/published-addresses.ts';
import { type Address, lastValue, parseAddress } from '#model/address.ts';
import { type AddressRange, normaliseRanges, parseCidr } from '#model/address-range.ts';
import { namePattern } from '#model/label.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { EssentialEntry, LocalAddresses } from '#model/rule-set.ts';
import { parseServiceTerm, type ServiceTerm } from '#model/service.ts';

export type InterfaceSettings = InterfacePatterns;

export interface FactSettings {
  readonly region?: string;
  readonly cloud?: string;
}

export interface FlowSettings {
  readonly windowMs: number;
  readonly recordsMost: number;
  readonly spoolBytesMost: number;
}

/** How the domain names of the policy are learnt (names.ts). `resolvers`: empty for those of resolv.conf. */
export interface NameSettings {
  readonly resolvers: readonly Address[];
  readonly bounds: NameBounds;
  /** How long an answer waits for the table to have it. */
  readonly holdMs: number;
}

/** Names of services to discover, `*` for any characters; empty: none. */
export type UnitSettings = readonly string[];

/** `reachable`: ranges of containers' addresses that other hosts can reach as they are, without address translation. */
export type ContainerSettings =
  | { readonly kind: 'off' }
  | { readonly kind: 'discover'; readonly reachable: readonly AddressRange[] };

/** `marks`: which bits of the connection mark are ours; other programs have the rest. */
export interface ConnectionSettings {
  readonly marks: MarkLayout;
}

export interface AgentSettings {
  readonly essentials: readonly EssentialEntry[];
  readonly interfaces: InterfaceSettings;
  readonly facts: FactSettings;
  readonly flows: FlowSettings;
  readonly names: NameSettings;
  readonly units: UnitSettings;
  readonly containers: ContainerSettings;
  readonly connections: ConnectionSettings;
}

export const defaultSettings: AgentSettings = {
  essentials: [],
  interfaces: { include: [], exclude: [] },
  facts: {},
  flows: { windowMs: 5000, recordsMost: 20_000, spoolBytesMost: 64 << 20 },
  names: {
    resolvers: [],
    bounds: { graceMs: 300_000, recheckMs: 60_000, perNameMost: 256, addressesMost: 4096 },
    holdMs: 200,
  },
  units: [],
  containers: { kind: 'off' },
  connections: { marks: defaultMarks },
};

const anyAddress = (['ipv4', 'ipv6'] as const).map((family) => ({ family, first: 0n, last: lastValue(family) }));

/** The most that settings allow, of one name and in all. */
export const namesMost = { perNameMost: 4096, addressesMost: 65_536 } as const;

/** Names that the agent itself gives to essential entries. */
const takenNames: ReadonlySet<string> = new Set(['control-plane', 'control-plane-dns']);

/** A file that was asked for must be there; the one in the state directory may be missing. */
export async function readSettings(path: string, presence: 'required' | 'optional'): Promise<Result<AgentSettings>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' && presence === 'optional') return ok(defaultSettings);
    return err(`${path} cannot be read: ${code ?? String(error)}`);
  }
  const value = await readYaml(text);
  const settings = value.ok ? parseSettings(value.value) : value;
  return settings.ok ? settings : err(`${path}: ${settings.error}`);
}

/** Aliases are an error: a setting that holds itself has no value to show, and none of ours is used twice. */
async function readYaml(text: string): Promise<Result<unknown>> {
  // The default export is the only one that also a bundle gives of this kind of module.
  const { default: yaml } = await import('yaml');
  try {
    const document = yaml.parseDocument(text);
    const [problem] = document.errors;
    return problem === undefined ? ok(document.toJS({ maxAliasCount: 0 })) : err(firstLine(problem.message));
  } catch (error) {
    // What the library throws over aliases, and over brackets nested too deep for its stack.
    return err(`it cannot be read as YAML without aliases: ${firstLine(error instanceof Error ? error.message : '')}`);
  }
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}

/** Takes what YAML gave; the error is "NAME is VALUE; allowed: …". */
export function parseSettings(value: unknown): Result<AgentSettings> {
  try {
    return ok(readAll(value ?? {}));
  } catch (error) {
    if (error instanceof BadSetting) return err(error.message);
    throw error;
  }
}

class BadSetting extends Error {
  constructor(name: string, value: unknown, allowed: string) {
    super(`${name === '' ? 'the file' : name} is ${JSON.stringify(value) ?? 'missing'}; allowed: ${allowed}`);
  }
}

function readAll(value: unknown): AgentSettings {
  const top = readKeys('', value, [
    'essential',
    'interfaces',
    'facts',
    'flows',
    'names',
    'units',
    'containers',
    'connections',
  ]);
  const interfaces = readKeys('interfaces', top['interfaces'] ?? {}, ['include', 'exclude']);
  const facts = readKeys('facts', top['facts'] ?? {}, ['region', 'cloud']);
  const flows = readKeys('flows', top['flows'] ?? {}, ['windowSeconds', 'recordsMost', 'spoolMegabytes']);
  const region = readLabel('facts.region', facts['region']);
  const cloud = readLabel('facts.cloud', facts['cloud']);
  const { windowMs, recordsMost, spoolBytesMost } = defaultSettings.flows;
  return {
    essentials: readEssentials(top['essential']),
    interfaces: {
      include: readList('interfaces.include', interfaces['include'] ?? [], readInterface),
      exclude: readList('interfaces.exclude', interfaces['exclude'] ?? [], readInterface),
    },
    facts: { ...(region !== undefined && { region }), ...(cloud !== undefined && { cloud }) },
    flows: {
      windowMs: readNumber('flows.windowSeconds', flows['windowSeconds'] ?? windowMs / 1000, 1, 300) * 1000,
      recordsMost: readNumber('flows.recordsMost', flows['recordsMost'] ?? recordsMost, 100, 50_000),
      spoolBytesMost:
        readNumber('flows.spoolMegabytes', flows['spoolMegabytes'] ?? spoolBytesMost >> 20, 1, 65_536) * 1048576,
    },
    names: readNames(top['names'] ?? {}),
    units: readUnits(top['units'] ?? 'off'),
    containers: readContainers(top['containers'] ?? 'off'),
    connections: readConnections(top['connections'] ?? {}),
  };
}

function readNames(value: unknown): NameSettings {
  const names = readKeys('names', value, [
    'resolvers',
    'graceSeconds',
    'addressesPerName',
    'addressesMost',
    'holdMilliseconds',
  ]);
  const { bounds, holdMs } = defaultSettings.names;
  return {
    resolvers: readList('names.resolvers', names['resolvers'] ?? [], readResolver),
    bounds: {
      graceMs: readNumber('names.graceSeconds', names['graceSeconds'] ?? bounds.graceMs / 1000, 0, 86_400) * 1000,
      recheckMs: bounds.recheckMs,
      perNameMost: readNumber(
        'names.addressesPerName',
        names['addressesPerName'] ?? bounds.perNameMost,
        1,
        namesMost.perNameMost,
      ),
      addressesMost: readNumber(
        'names.addressesMost',
        names['addressesMost'] ?? bounds.addressesMost,
        1,
        namesMost.addressesMost,
      ),
    },
    holdMs: readNumber('names.holdMilliseconds', names['holdMilliseconds'] ?? holdMs, 0, 2000),
  };
}

function readResolver(name: string, value: unknown): Address {
  const address = parseAddress(typeof value === 'string' ? value : '');
  if (address.ok) return address.value;
  throw new BadSetting(name, value, `the address of a resolver (${address.error})`);
}

function readUnits(value: unknown): UnitSettings {
  if (value === 'off') return [];
  if (value === 'discover') return ['*'];
  if (!Array.isArray(value))
    throw new BadSetting('units', value, 'off, discover, or a list such as [nginx.service, "pg@*"]');
  return readList('units', value, readUnit);
}

function readContainers(value: unknown): ContainerSettings {
  if (value === 'off') return { kind: 'off' };
  if (value === 'discover') return { kind: 'discover', reachable: [] };
  if (typeof value !== 'object')
    throw new BadSetting('containers', value, 'off, discover, or { reachable: [10.244.0.0/16] }');
  const { reachable } = readKeys('containers', value, ['reachable']);
  const peers = readPeers('containers.reachable', reachable);
  return { kind: 'discover', reachable: peers.kind === 'ranges' ? peers.ranges : anyAddress };
}

function readConnections(value: unknown): ConnectionSettings {
  const { markMask } = readKeys('connections', value, ['markMask']);
  if (markMask === undefined) return defaultSettings.connections;
  const mask = typeof markMask === 'string' && /^0x[0-9a-f]{1,8}$/i.test(markMask) ? Number(markMask) : markMask;
  const layout = typeof mask === 'number' ? markLayoutOf(mask) : markLayoutOf(0);
  if (!layout.ok) throw new BadSetting('connections.markMask', markMask, layout.error);
  return { marks: layout.value };
}

function readUnit(name: string, value: unknown): string {
  if (typeof value === 'string' && /^[A-Za-z0-9:_.\\@*-]{1,255}$/.test(value)) return value;
  throw new BadSetting(
    name,
    value,
    'the name of a service, "*" for any characters, such as nginx.service or postgresql@*',
  );
}

function readEssentials(value: unknown): readonly EssentialEntry[] {
  const entries = readList('essential', value ?? [], readEssential);
  const names = new Set<string>();
  for (const [index, { name }] of entries.entries()) {
    if (names.has(name)) throw new BadSetting(`essential[${index}].name`, name, 'a name that no other entry has');
    names.add(name);
  }
  return entries;
}

function readEssential(name: string, value: unknown): EssentialEntry {
  const entry = readKeys(name, value, ['name', 'direction', 'peers', 'services']);
  const entryName = entry['name'];
  if (typeof entryName !== 'string' || !namePattern.test(entryName) || takenNames.has(entryName)) {
    throw new BadSetting(
      `${name}.name`,
      entryName,
      'lower-case letters, digits and "-", at most 63 characters, and not control-plane or control-plane-dns',
    );
  }
  const direction = entry['direction'];
  if (direction !== 'inbound' && direction !== 'outbound') {
    throw new BadSetting(`${name}.direction`, direction, 'inbound, outbound');
  }
  const services = readList(`${name}.services`, entry['services'], readService);
  if (services.length === 0) throw new BadSetting(`${name}.services`, [], 'at least one service, or [any]');
  return { name: entryName, direction, peers: readPeers(`${name}.peers`, entry['peers']), services };
}

function readPeers(name: string, value: unknown): LocalAddresses {
  if (value === 'any') return { kind: 'any' };
  const allowed = 'any, or a list of CIDRs such as [10.0.0.0/8, "fd00::/8"]';
  if (!Array.isArray(value) || value.length === 0) throw new BadSetting(name, value, allowed);
  const ranges = readList(name, value, (place, item) => {
    const range = parseCidr(typeof item === 'string' ? item : '');
    if (!range.ok) throw new BadSetting(place, item, `a CIDR or an address (${range.error})`);
    return range.value;
  });
  return { kind: 'ranges', ranges: normaliseRanges(ranges) };
}

function readService(name: string, value: unknown): ServiceTerm {
  const term = parseServiceTerm(typeof value === 'string' ? value : '');
  if (term.ok) return term.value;
  throw new BadSetting(name, value, 'any, tcp/PORT, udp/PORT, sctp/PORT, PROTO/LOW-HIGH, icmp, icmpv6, proto/NUMBER');
}

function readInterface(name: string, value: unknown): string {
  if (typeof value === 'string' && /^[^\s/]{1,15}$/.test(value)) return value;
  throw new BadSetting(name, value, 'the name of an interface, "*" for any characters, such as eth* or docker0');
}

function readLabel(name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string' && /^[A-Za-z0-9._:/@+-]{1,63}$/.test(value)) return value;
  throw new BadSetting(name, value, 'letters, digits and ._:/@+-, at most 63 characters');
}

function readNumber(name: string, value: unknown, least: number, most: number): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  throw new BadSetting(name, value, `a whole number from ${least} to ${most}`);
}

function readList<T>(name: string, value: unknown, read: (name: string, item: unknown) => T): readonly T[] {
  if (!Array.isArray(value)) throw new BadSetting(name, value, 'a list');
  return value.map((item, index) => read(`${name}[${index}]`, item));
}

function readKeys(name: string, value: unknown, keys: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new BadSetting(name, value, `the keys ${keys.join(', ')}`);
  }
  for (const key of Object.keys(value)) {
    if (!keys.includes(key)) {
      throw new BadSetting(
        name === '' ? key : `${name}.${key}`,
        (value as Record<string, unknown>)[key],
        `no such setting; the keys here are ${keys.join(', ')}`,
      );
    }
  }
  return value as Record<string, unknown>;
}
