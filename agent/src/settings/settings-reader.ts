// From what YAML gave to the host's settings. Everything that is wrong is told at once: each names itself, its value and what is allowed;
// nothing is guessed.

import { markLayoutOf } from '#agent-core/marks/mark-layout.ts';
import { type Address, lastValue, parseAddress } from '#model/address.ts';
import { normaliseRanges, parseCidr } from '#model/address-range.ts';
import { namePattern } from '#model/label.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { EssentialEntry, LocalAddresses } from '#model/rule-set.ts';
import { parseServiceTerm, type ServiceTerm } from '#model/service.ts';
import { isMapping, placeText, type SettingPlace, unknownKeyText } from '#model/settings-file.ts';
import {
  type AgentSettings,
  type ConnectionSettings,
  type ContainerSettings,
  defaultSettings,
  type NameSettings,
  namesMost,
  stampSettings,
  type UnitSettings,
} from './settings.ts';

const anyAddress = (['ipv4', 'ipv6'] as const).map((family) => ({ family, first: 0n, last: lastValue(family) }));

/** Names that the agent itself gives to essential entries. */
const takenNames = /^control-plane(-dns|-\d+)?$/;

export interface BadSetting {
  readonly place: SettingPlace;
  readonly value: string;
  readonly allowed: string;
}

/** The settings are those of the good parts: of use to nobody where `bad` has any. */
export interface CheckedSettings {
  readonly settings: AgentSettings;
  readonly bad: readonly BadSetting[];
}

export function checkSettings(value: unknown): CheckedSettings {
  const reader = new SettingsReader();
  return { settings: reader.read(value ?? {}), bad: reader.bad };
}

/** The error has a line for each that is wrong: "NAME is VALUE; allowed: …". */
export function parseSettings(value: unknown): Result<AgentSettings> {
  const { settings, bad } = checkSettings(value);
  return bad.length === 0 ? ok(settings) : err(bad.map(badSettingText).join('\n'));
}

export function badSettingText({ place, value, allowed }: BadSetting): string {
  return `${settingName(place)} is ${value}; allowed: ${allowed}`;
}

export function settingName(place: SettingPlace): string {
  return place.length === 0 ? 'the file' : placeText(place);
}

/** Where a reader cannot give what it should: the caller's fallback stands in, and the rest is read. */
class Refused extends Error {}

class SettingsReader {
  readonly bad: BadSetting[] = [];

  read(value: unknown): AgentSettings {
    const { flows: flowDefaults } = defaultSettings;
    const top = this.#keys([], value, Object.keys(defaultKeys));
    const interfaces = this.#keys(['interfaces'], top['interfaces'] ?? {}, ['include', 'exclude', 'outside']);
    const facts = this.#keys(['facts'], top['facts'] ?? {}, ['region', 'cloud']);
    const flows = this.#keys(['flows'], top['flows'] ?? {}, ['windowSeconds', 'recordsMost', 'spoolMegabytes']);
    const region = this.#label(['facts', 'region'], facts['region']);
    const cloud = this.#label(['facts', 'cloud'], facts['cloud']);
    const windowSeconds = flowDefaults.windowMs / 1000;
    const spoolMegabytes = flowDefaults.spoolBytesMost >> 20;
    return {
      essentials: this.#essentials(top['essential'] ?? []),
      interfaces: {
        include: this.#list(['interfaces', 'include'], interfaces['include'] ?? [], this.#interface),
        exclude: this.#list(['interfaces', 'exclude'], interfaces['exclude'] ?? [], this.#interface),
        outside: this.#list(['interfaces', 'outside'], interfaces['outside'] ?? [], this.#interface),
      },
      facts: { ...(region !== undefined && { region }), ...(cloud !== undefined && { cloud }) },
      flows: {
        windowMs: this.#number(['flows', 'windowSeconds'], flows['windowSeconds'], windowSeconds, [1, 300]) * 1000,
        recordsMost: this.#number(
          ['flows', 'recordsMost'],
          flows['recordsMost'],
          flowDefaults.recordsMost,
          [100, 50_000],
        ),
        spoolBytesMost:
          this.#number(['flows', 'spoolMegabytes'], flows['spoolMegabytes'], spoolMegabytes, [1, 65_536]) * 1048576,
      },
      names: this.#names(top['names'] ?? {}),
      units: this.#units(top['units'] ?? 'off'),
      containers: this.#containers(top['containers'] ?? 'off'),
      connections: this.#connections(top['connections'] ?? {}),
    };
  }

  #names(value: unknown): NameSettings {
    const { bounds, holdMs } = defaultSettings.names;
    const names = this.#keys(['names'], value, [
      'resolvers',
      'graceSeconds',
      'addressesPerName',
      'addressesMost',
      'holdMilliseconds',
    ]);
    const number = (key: string, fallback: number, allowed: readonly [number, number]) =>
      this.#number(['names', key], names[key], fallback, allowed);
    return {
      resolvers: this.#list(['names', 'resolvers'], names['resolvers'] ?? [], this.#resolver),
      bounds: {
        graceMs: number('graceSeconds', bounds.graceMs / 1000, [0, 86_400]) * 1000,
        recheckMs: bounds.recheckMs,
        perNameMost: number('addressesPerName', bounds.perNameMost, [1, namesMost.perNameMost]),
        addressesMost: number('addressesMost', bounds.addressesMost, [1, namesMost.addressesMost]),
      },
      holdMs: number('holdMilliseconds', holdMs, [0, 2000]),
    };
  }

  #units(value: unknown): UnitSettings {
    if (value === 'off') return [];
    if (value === 'discover') return ['*'];
    if (Array.isArray(value)) return this.#list(['units'], value, this.#unit);
    this.#note(['units'], value, 'off, discover, or a list such as [nginx.service, "pg@*"]');
    return [];
  }

  #containers(value: unknown): ContainerSettings {
    if (value === 'off') return { kind: 'off' };
    if (value === 'discover') return { kind: 'discover', reachable: [] };
    if (typeof value !== 'object') {
      this.#note(['containers'], value, 'off, discover, or { reachable: [10.244.0.0/16] }');
      return { kind: 'off' };
    }
    const before = this.bad.length;
    const { reachable } = this.#keys(['containers'], value, ['reachable']);
    if (this.bad.length > before) return { kind: 'off' };
    const peers = this.#peers(['containers', 'reachable'], reachable);
    return { kind: 'discover', reachable: peers.kind === 'ranges' ? peers.ranges : anyAddress };
  }

  #connections(value: unknown): ConnectionSettings {
    const { markMask, stampWhileObserving = defaultSettings.connections.stamps } = this.#keys(['connections'], value, [
      'markMask',
      'stampWhileObserving',
    ]);
    const chosen = stampSettings.find((setting) => setting === stampWhileObserving);
    if (chosen === undefined)
      this.#note(['connections', 'stampWhileObserving'], stampWhileObserving, stampSettings.join(', '));
    const connections = { ...defaultSettings.connections, stamps: chosen ?? defaultSettings.connections.stamps };
    if (markMask === undefined) return connections;
    const mask = typeof markMask === 'string' && /^0x[0-9a-f]{1,8}$/i.test(markMask) ? Number(markMask) : markMask;
    const layout = typeof mask === 'number' ? markLayoutOf(mask) : markLayoutOf(0);
    if (layout.ok) return { ...connections, marks: layout.value };
    this.#note(['connections', 'markMask'], markMask, layout.error);
    return connections;
  }

  #essentials(value: unknown): readonly EssentialEntry[] {
    const entries = this.#list(['essential'], value, this.#essential);
    if (!Array.isArray(value)) return [];
    const names = new Set<unknown>();
    for (const [index, entry] of value.entries()) {
      const name: unknown = isMapping(entry) ? entry['name'] : undefined;
      if (typeof name === 'string' && names.has(name))
        this.#note(['essential', index, 'name'], name, 'a name that no other entry has');
      names.add(name);
    }
    return entries;
  }

  readonly #essential = (place: SettingPlace, value: unknown): EssentialEntry => {
    const before = this.bad.length;
    const entry = this.#keys(place, value, ['name', 'direction', 'peers', 'services']);
    if (!isMapping(value)) throw new Refused();
    const name = entry['name'];
    if (typeof name !== 'string' || !namePattern.test(name) || takenNames.test(name)) {
      const allowed =
        'lower-case letters, digits and "-", at most 63 characters, and not control-plane, control-plane-dns or control-plane-PORT';
      this.#note([...place, 'name'], name, allowed);
    }
    const direction = entry['direction'];
    if (direction !== 'inbound' && direction !== 'outbound')
      this.#note([...place, 'direction'], direction, 'inbound, outbound');
    const services = this.#list([...place, 'services'], entry['services'], this.#service);
    if (Array.isArray(entry['services']) && entry['services'].length === 0)
      this.#note([...place, 'services'], [], 'at least one service, or [any]');
    const peers = this.#peers([...place, 'peers'], entry['peers']);
    if (this.bad.length > before || (direction !== 'inbound' && direction !== 'outbound')) throw new Refused();
    return { name: String(name), direction, peers, services };
  };

  #peers(place: SettingPlace, value: unknown): LocalAddresses {
    if (value === 'any') return { kind: 'any' };
    if (!Array.isArray(value) || value.length === 0) {
      this.#note(place, value, 'any, or a list of CIDRs such as [10.0.0.0/8, "fd00::/8"]');
      return { kind: 'any' };
    }
    const ranges = this.#list(place, value, (at, item) => {
      const range = parseCidr(typeof item === 'string' ? item : '');
      return range.ok ? range.value : this.#refuse(at, item, `a CIDR or an address (${range.error})`);
    });
    return { kind: 'ranges', ranges: normaliseRanges(ranges) };
  }

  readonly #resolver = (place: SettingPlace, value: unknown): Address => {
    const address = parseAddress(typeof value === 'string' ? value : '');
    return address.ok ? address.value : this.#refuse(place, value, `the address of a resolver (${address.error})`);
  };

  readonly #unit = (place: SettingPlace, value: unknown): string => {
    const allowed = 'the name of a service, "*" for any characters, such as nginx.service or postgresql@*';
    return isText(value, /^[A-Za-z0-9:_.\\@*-]{1,255}$/) ? value : this.#refuse(place, value, allowed);
  };

  readonly #service = (place: SettingPlace, value: unknown): ServiceTerm => {
    const term = parseServiceTerm(typeof value === 'string' ? value : '');
    const allowed = 'any, tcp/PORT, udp/PORT, sctp/PORT, PROTO/LOW-HIGH, icmp, icmpv6, proto/NUMBER';
    return term.ok ? term.value : this.#refuse(place, value, allowed);
  };

  readonly #interface = (place: SettingPlace, value: unknown): string => {
    const allowed = 'the name of an interface, "*" for any characters, such as eth* or docker0';
    return isText(value, /^[^\s/]{1,15}$/) ? value : this.#refuse(place, value, allowed);
  };

  #label(place: SettingPlace, value: unknown): string | undefined {
    if (value === undefined || isText(value, /^[A-Za-z0-9._:/@+-]{1,63}$/)) return value;
    this.#note(place, value, 'letters, digits and ._:/@+-, at most 63 characters');
    return undefined;
  }

  #number(place: SettingPlace, value: unknown, fallback: number, [least, most]: readonly [number, number]): number {
    if (value === undefined || value === null) return fallback;
    if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
    this.#note(place, value, `a whole number from ${least} to ${most}`);
    return fallback;
  }

  /** What cannot be read is noted and left out. */
  #list<T>(place: SettingPlace, value: unknown, read: (place: SettingPlace, item: unknown) => T): readonly T[] {
    if (!Array.isArray(value)) {
      this.#note(place, value, 'a list');
      return [];
    }
    return value.flatMap((item: unknown, index): T[] => {
      try {
        return [read([...place, index], item)];
      } catch (error) {
        if (error instanceof Refused) return [];
        throw error;
      }
    });
  }

  #keys(place: SettingPlace, value: unknown, keys: readonly string[]): Readonly<Record<string, unknown>> {
    if (!isMapping(value)) {
      this.#note(place, value, `the keys ${keys.join(', ')}`);
      return {};
    }
    for (const key of Object.keys(value))
      if (!keys.includes(key)) this.#note([...place, key], value[key], unknownKeyText(key, keys));
    return value;
  }

  #refuse(place: SettingPlace, value: unknown, allowed: string): never {
    this.#note(place, value, allowed);
    throw new Refused();
  }

  #note(place: SettingPlace, value: unknown, allowed: string): void {
    this.bad.push({ place, value: JSON.stringify(value) ?? 'missing', allowed });
  }
}

function isText(value: unknown, pattern: RegExp): value is string {
  return typeof value === 'string' && pattern.test(value);
}

/** Every setting there is, as a file would say what holds where none does. */
export const defaultKeys: Readonly<Record<string, unknown>> = {
  essential: [],
  interfaces: { include: [], exclude: [], outside: [] },
  facts: { region: undefined, cloud: undefined },
  flows: {
    windowSeconds: defaultSettings.flows.windowMs / 1000,
    recordsMost: defaultSettings.flows.recordsMost,
    spoolMegabytes: defaultSettings.flows.spoolBytesMost >> 20,
  },
  names: {
    resolvers: [],
    graceSeconds: defaultSettings.names.bounds.graceMs / 1000,
    addressesPerName: defaultSettings.names.bounds.perNameMost,
    addressesMost: defaultSettings.names.bounds.addressesMost,
    holdMilliseconds: defaultSettings.names.holdMs,
  },
  units: 'off',
  containers: 'off',
  connections: {
    markMask: `0x${defaultSettings.connections.marks.mask.toString(16).padStart(8, '0')}`,
    stampWhileObserving: defaultSettings.connections.stamps,
  },
};
