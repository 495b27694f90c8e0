// What `segwall-control-plane run` is told: defaults, under a YAML file, under flags. Every bad setting is reported at once, each
// by its name, its value and what is allowed.

import { parseDocument } from 'yaml';
import { type Address, parseAddress } from '#model/address.ts';
import { parseCidr } from '#model/address-range.ts';
import { err, ok, type Result } from '#model/result.ts';
import { type ListenAddress, parseListenAddress } from './listen-address.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export interface Settings {
  /** The directory that holds everything that must outlive the process. */
  readonly data: string;
  readonly agents: ListenAddress;
  readonly api: ListenAddress;
  /** Names and addresses, beside its own, by which operators call the API: of a proxy or a load balancer before it. */
  readonly apiNames: readonly string[];
  readonly logLevel: LogLevel;
  /** How long flows are kept after they were last seen. */
  readonly keepFlowsDays: number;
  /** The most rows of flows; the oldest go first. */
  readonly keepFlowRows: number;
  /** Audit entries younger than so many days cannot be pruned. */
  readonly keepAuditDays: number;
  /** CIDRs from which hosts talk that are not the address's own: HTTP proxies, load balancers, address translation. */
  readonly proxies: readonly string[];
  /** CIDRs that no host may claim, unless a range that an operator gave it has them. */
  readonly reservedAddresses: readonly string[];
  /** How many addresses a host without ranges may claim. */
  readonly addressesWithoutRanges: number;
  /** How long the holder of an address must be away before a host that talks from it gets it. */
  readonly holderGraceMinutes: number;
  /** How long a host that is away keeps its addresses, in time that the control plane was up. */
  readonly addressLeaseDays: number;
  /** How long a host's older certificate holds after a newer one was used for the first time. */
  readonly certificateOverlapSeconds: number;
  /** How often one host may renew its certificate: so often at once, then once in so many minutes. */
  readonly renewalsAtOnce: number;
  readonly renewalMinutes: number;
  /** How long after its end a certificate may still be renewed; 0 for never. */
  readonly renewExpiredDays: number;
  /** The most connections of agents, each with a certificate that holds. */
  readonly agentConnections: number;
  /** The most connections without one, at once, and of them those of one address. */
  readonly strangerConnections: number;
  readonly strangerConnectionsOfAddress: number;
  /** How much of agents' messages may be on its way or worked on at once. */
  readonly agentMegabytes: number;
}

export interface BadSetting {
  readonly setting: string;
  readonly value: string;
  readonly allowed: string;
}

/** As read from the command line or a file, before it is known to be right. */
export type RawSettings = Readonly<Record<string, unknown>>;

interface SettingReader<T> {
  readonly fallback: T | undefined;
  readonly read: (value: unknown) => Result<T>;
}

type SettingReaders = { readonly [K in keyof Settings]: SettingReader<Settings[K]> };

const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent'];

const readers: SettingReaders = {
  data: {
    fallback: undefined,
    read: (value) =>
      typeof value === 'string' && value !== '' ? ok(value) : err('allowed is the path of a directory'),
  },
  agents: { fallback: { address: '::' as Address, port: 7443 }, read: readListenAddress },
  api: { fallback: { address: '127.0.0.1' as Address, port: 7444 }, read: readListenAddress },
  apiNames: { fallback: [], read: readNames },
  logLevel: {
    fallback: 'info',
    read: (value) => {
      const level = logLevels.find((known) => known === value);
      return level === undefined ? err(`allowed are ${logLevels.join(', ')}`) : ok(level);
    },
  },
  keepFlowsDays: { fallback: 30, read: (value) => readInteger(value, { least: 1, most: 3650 }) },
  keepFlowRows: { fallback: 5_000_000, read: (value) => readInteger(value, { least: 1000, most: 1_000_000_000 }) },
  keepAuditDays: { fallback: 90, read: (value) => readInteger(value, { least: 1, most: 3650 }) },
  proxies: { fallback: [], read: readCidrs },
  reservedAddresses: { fallback: [], read: readCidrs },
  addressesWithoutRanges: { fallback: 16, read: (value) => readInteger(value, { least: 0, most: 4096 }) },
  holderGraceMinutes: { fallback: 5, read: (value) => readInteger(value, { least: 1, most: 1440 }) },
  addressLeaseDays: { fallback: 7, read: (value) => readInteger(value, { least: 1, most: 365 }) },
  certificateOverlapSeconds: { fallback: 60, read: (value) => readInteger(value, { least: 1, most: 3600 }) },
  renewalsAtOnce: { fallback: 10, read: (value) => readInteger(value, { least: 1, most: 100 }) },
  renewalMinutes: { fallback: 10, read: (value) => readInteger(value, { least: 1, most: 1440 }) },
  renewExpiredDays: { fallback: 365, read: (value) => readInteger(value, { least: 0, most: 3650 }) },
  agentConnections: { fallback: 25_000, read: (value) => readInteger(value, { least: 1, most: 1_000_000 }) },
  strangerConnections: { fallback: 1024, read: (value) => readInteger(value, { least: 16, most: 65_536 }) },
  strangerConnectionsOfAddress: { fallback: 256, read: (value) => readInteger(value, { least: 4, most: 65_536 }) },
  agentMegabytes: { fallback: 64, read: (value) => readInteger(value, { least: 16, most: 65_536 }) },
};

const settingNames = Object.keys(readers) as (keyof Settings)[];

/** `flags` win over `file`. */
export function readSettings(flags: RawSettings, file: RawSettings): Result<Settings, readonly BadSetting[]> {
  const bad: BadSetting[] = [];
  for (const name of Object.keys(file)) {
    if (!settingNames.some((known) => known === name)) {
      bad.push({
        setting: name,
        value: valueText(file[name]),
        allowed: `there is no such setting; allowed are ${settingNames.join(', ')}`,
      });
    }
  }
  const values: Partial<Record<keyof Settings, unknown>> = {};
  for (const name of settingNames) {
    const reader: SettingReader<unknown> = readers[name];
    const value = flags[name] ?? file[name];
    if (value === undefined && reader.fallback !== undefined) {
      values[name] = reader.fallback;
      continue;
    }
    const result = reader.read(value);
    if (result.ok) values[name] = result.value;
    else bad.push({ setting: name, value: valueText(value), allowed: result.error });
  }
  return bad.length > 0 ? err(bad) : ok(values as Settings);
}

/** The file's settings; an error is the reason why the text is not a YAML mapping. Aliases are none: no setting of ours is used twice. */
export function parseSettingsFile(text: string): Result<RawSettings> {
  let value: unknown;
  try {
    const document = parseDocument(text);
    const problem = document.errors[0];
    if (problem !== undefined) return err(problem.message);
    value = document.toJS({ maxAliasCount: 0 });
  } catch (error) {
    // What the library throws over aliases, and over brackets nested too deep for its stack.
    return err(`it cannot be read as YAML without aliases: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (value === null || value === undefined) return ok({});
  if (typeof value !== 'object' || Array.isArray(value)) return err('it is not a mapping of settings to values');
  return ok(value as RawSettings);
}

export function badSettingText(bad: BadSetting): string {
  return `error: bad-setting: ${bad.setting} is ${bad.value}; ${bad.allowed}`;
}

function readListenAddress(value: unknown): Result<ListenAddress> {
  return parseListenAddress(typeof value === 'string' ? value : '');
}

/** A list, or from the command line a text with commas. */
function readNames(value: unknown): Result<readonly string[]> {
  const names: unknown[] = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [value];
  const isName = (name: unknown): name is string =>
    typeof name === 'string' && (parseAddress(name).ok || /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(name));
  return names.every(isName) && names.length <= 64
    ? ok(names)
    : err('allowed are up to 64 host names and IP addresses, without ports, as in segwall.example.com');
}

/** A list, or from the command line a text with commas. */
function readCidrs(value: unknown): Result<readonly string[]> {
  const texts: unknown[] = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [value];
  const isCidr = (text: unknown): text is string => typeof text === 'string' && parseCidr(text).ok;
  return texts.every(isCidr) && texts.length <= 256
    ? ok(texts)
    : err('allowed are up to 256 addresses and CIDRs, as in 10.0.0.0/24');
}

function readInteger(value: unknown, bounds: { readonly least: number; readonly most: number }): Result<number> {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  const isGood =
    typeof number === 'number' && Number.isInteger(number) && number >= bounds.least && number <= bounds.most;
  return isGood ? ok(number) : err(`allowed is a whole number from ${bounds.least} to ${bounds.most}`);
}

function valueText(value: unknown): string {
  return value === undefined ? 'not given' : JSON.stringify(value);
}
