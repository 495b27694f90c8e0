// What `segwall-control-plane run` is told: defaults, under a YAML file and its drop-ins (settings-files.ts), under flags. Every bad setting is
// reported at once, each by its name, its value and what is allowed.

import { type Address, parseAddress } from '#model/address.ts';
import { parseCidr } from '#model/address-range.ts';
import { err, ok, type Result } from '#model/result.ts';
import { type SettingProblem, settingProblemText, unknownKeyText } from '#model/settings-file.ts';
import { type ListenAddress, listenAddressText, parseListenAddress } from './listen-address.ts';

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
  /** With less free on the data directory's disk, `status` calls it a problem. */
  readonly leastFreeMegabytes: number;
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
    read: (value) => (typeof value === 'string' && value !== '' ? ok(value) : err('the path of a directory')),
  },
  agents: { fallback: { address: '::' as Address, port: 7443 }, read: readListenAddress },
  api: { fallback: { address: '127.0.0.1' as Address, port: 7444 }, read: readListenAddress },
  apiNames: { fallback: [], read: readNames },
  logLevel: {
    fallback: 'info',
    read: (value) => {
      const level = logLevels.find((known) => known === value);
      return level === undefined ? err(logLevels.join(', ')) : ok(level);
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
  leastFreeMegabytes: { fallback: 512, read: (value) => readInteger(value, { least: 0, most: 1_048_576 }) },
};

export const settingNames = Object.keys(readers) as (keyof Settings)[];

/** `flags` win over `file`. */
export function readSettings(flags: RawSettings, file: RawSettings): Result<Settings, readonly SettingProblem[]> {
  const bad = checkUnknown(file);
  const values: Partial<Record<keyof Settings, unknown>> = {};
  for (const name of settingNames) {
    const result = readOne(name, flags[name] ?? file[name]);
    if (result.ok) values[name] = result.value;
    else bad.push(result.error);
  }
  return bad.length > 0 ? err(bad) : ok(values as Settings);
}

/** What is wrong with what one place says; it need not say all. */
export function checkSettings(said: RawSettings): readonly SettingProblem[] {
  const wrong = settingNames.flatMap((name) => {
    const result = said[name] === undefined || said[name] === null ? ok(undefined) : readOne(name, said[name]);
    return result.ok ? [] : [result.error];
  });
  return [...checkUnknown(said), ...wrong];
}

function checkUnknown(said: RawSettings): SettingProblem[] {
  return Object.keys(said)
    .filter((name) => !settingNames.some((known) => known === name))
    .map((setting) => ({ setting, value: valueText(said[setting]), allowed: unknownKeyText(setting, settingNames) }));
}

function readOne(name: keyof Settings, value: unknown): Result<unknown, SettingProblem> {
  const reader: SettingReader<unknown> = readers[name];
  if ((value === undefined || value === null) && reader.fallback !== undefined) return ok(reader.fallback);
  const result = reader.read(value);
  return result.ok ? result : err({ setting: name, value: valueText(value), allowed: result.error });
}

/** The default, as a file would say it; null where there is none. */
export function defaultOf(name: keyof Settings): unknown {
  const { fallback } = readers[name];
  if (fallback === undefined) return null;
  if (typeof fallback !== 'object' || !('port' in fallback)) return fallback;
  return listenAddressText(fallback);
}

export function badSettingText(bad: SettingProblem): string {
  return `error: bad-setting: ${settingProblemText(bad)}`;
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
    : err('up to 64 host names and IP addresses, without ports, as in segwall.example.com');
}

/** A list, or from the command line a text with commas. */
function readCidrs(value: unknown): Result<readonly string[]> {
  const texts: unknown[] = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? value : [value];
  const isCidr = (text: unknown): text is string => typeof text === 'string' && parseCidr(text).ok;
  return texts.every(isCidr) && texts.length <= 256
    ? ok(texts)
    : err('up to 256 addresses and CIDRs, as in 10.0.0.0/24');
}

function readInteger(value: unknown, bounds: { readonly least: number; readonly most: number }): Result<number> {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  const isGood =
    typeof number === 'number' && Number.isInteger(number) && number >= bounds.least && number <= bounds.most;
  return isGood ? ok(number) : err(`a whole number from ${bounds.least} to ${bounds.most}`);
}

function valueText(value: unknown): string {
  return value === undefined ? 'not given' : JSON.stringify(value);
}
