// What `segwall-control-plane run` is told: defaults, under a YAML file and its drop-ins (settings-files.ts), under flags. What each
// may be is declared in declared-settings.ts. Every bad one is reported at once, by its name, its value and what is allowed.

import { err, ok, type Result } from '#model/result.ts';
import { type BadSetting, filled, isSaid, problemsOf, type Said, type Setting } from '#model/setting-shape.ts';
import { placeText, type SettingProblem, settingProblemText } from '#model/settings-file.ts';
import { declaredSettings } from './declared-settings.ts';
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
  /** With less free on the data directory's disk, `status` calls it a problem. */
  readonly leastFreeMegabytes: number;
}

/** As read from the command line or a file, before it is known to be right. */
export type RawSettings = Readonly<Record<string, unknown>>;

export const settingNames = Object.keys(declaredSettings.keys) as (keyof Settings)[];

/** `flags` win over `file`. */
export function readSettings(flags: RawSettings, file: RawSettings): Result<Settings, readonly SettingProblem[]> {
  const said = { ...file };
  for (const name of settingNames) if (isSaid(flags[name])) said[name] = flags[name];
  const missing = settingNames.filter((name) => isNeeded(name) && !isSaid(said[name]));
  const bad = [
    ...missing.flatMap((name) => problemsOf(declaredSettings.keys[name].shape, undefined, [name])),
    ...problemsOf(declaredSettings, said),
  ];
  return bad.length > 0 ? err(bad.map(problemOf)) : ok(settingsOf(filled(declaredSettings, said)));
}

/** What is wrong with what one place says; it need not say all. */
export function checkSettings(said: RawSettings): readonly SettingProblem[] {
  return problemsOf(declaredSettings, said).map(problemOf);
}

function settingsOf({
  agents,
  api,
  apiNames,
  proxies,
  reservedAddresses,
  ...same
}: Said<typeof declaredSettings>): Settings {
  return {
    ...same,
    agents: listenAddressOf(agents),
    api: listenAddressOf(api),
    apiNames: listOf(apiNames),
    proxies: listOf(proxies),
    reservedAddresses: listOf(reservedAddresses),
  };
}

function listenAddressOf(text: string): ListenAddress {
  const address = parseListenAddress(text);
  if (!address.ok) throw new Error(address.error);
  return address.value;
}

function listOf(texts: readonly string[] | string): readonly string[] {
  return typeof texts === 'string' ? texts.split(',') : texts;
}

function problemOf({ place, value, allowed }: BadSetting): SettingProblem {
  return { setting: placeText(place), value: value === 'missing' ? 'not given' : value, allowed };
}

function isNeeded(name: keyof Settings): boolean {
  return 'needed' in declaredSettings.keys[name];
}

/** The default, as a file would say it; null where there is none. */
export function defaultOf(name: keyof Settings): unknown {
  const declared: Setting = declaredSettings.keys[name];
  return declared.fallback ?? null;
}

export function badSettingText(bad: SettingProblem): string {
  return `error: bad-setting: ${settingProblemText(bad)}`;
}
