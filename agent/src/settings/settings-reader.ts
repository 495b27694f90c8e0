// From what YAML gave to the host's settings, by what declared-settings.ts declares. Everything that is wrong is told at once: each names itself,
// its value and what is allowed; nothing is guessed.

import { defaultMarks, type MarkLayout, markLayoutOf } from '#agent-core/marks/mark-layout.ts';
import { type Address, lastValue, parseAddress } from '#model/address.ts';
import { normaliseRanges, parseCidr } from '#model/address-range.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { EssentialEntry, LocalAddresses } from '#model/rule-set.ts';
import { parseServiceTerm } from '#model/service.ts';
import { type BadSetting, bitsOf, filled, problemsOf, type Said } from '#model/setting-shape.ts';
import { placeText, type SettingPlace } from '#model/settings-file.ts';
import { declaredSettings } from './declared-settings.ts';
import { type AgentSettings, type ContainerSettings, recheckMs, type UnitSettings } from './settings.ts';

type SaidSettings = Said<typeof declaredSettings>;
type SaidPeers = SaidSettings['essential'][number]['peers'];

/** The settings are the defaults where `bad` has any. */
export interface CheckedSettings {
  readonly settings: AgentSettings;
  readonly bad: readonly BadSetting[];
}

/** Every setting there is, as a file would say what holds where none does. */
export const defaultKeys: SaidSettings = filled(declaredSettings, {});

export const defaultSettings: AgentSettings = settingsOf(defaultKeys);

export function checkSettings(value: unknown): CheckedSettings {
  const said = value ?? {};
  const bad = problemsOf(declaredSettings, said);
  return { settings: bad.length === 0 ? settingsOf(filled(declaredSettings, said)) : defaultSettings, bad };
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

function settingsOf(said: SaidSettings): AgentSettings {
  const { facts, flows, names, connections } = said;
  return {
    essentials: said.essential.map(essentialOf),
    interfaces: said.interfaces,
    facts: {
      ...(facts.region !== undefined && { region: facts.region }),
      ...(facts.cloud !== undefined && { cloud: facts.cloud }),
    },
    flows: {
      windowMs: flows.windowSeconds * 1000,
      recordsMost: flows.recordsMost,
      spoolBytesMost: flows.spoolMegabytes * 1024 * 1024,
    },
    names: {
      resolvers: names.resolvers.map((text): Address => checked(parseAddress(text))),
      bounds: {
        graceMs: names.graceSeconds * 1000,
        recheckMs,
        perNameMost: names.addressesPerName,
        addressesMost: names.addressesMost,
      },
      holdMs: names.holdMilliseconds,
    },
    units: unitsOf(said.units),
    containers: containersOf(said.containers),
    connections: { marks: marksOf(connections.markMask), stamps: connections.stampWhileObserving },
  };
}

function essentialOf({ name, direction, peers, services }: SaidSettings['essential'][number]): EssentialEntry {
  return { name, direction, peers: peersOf(peers), services: services.map((term) => checked(parseServiceTerm(term))) };
}

function peersOf(said: SaidPeers): LocalAddresses {
  if (said === 'any') return { kind: 'any' };
  return { kind: 'ranges', ranges: normaliseRanges(said.map((text) => checked(parseCidr(text)))) };
}

function unitsOf(said: SaidSettings['units']): UnitSettings {
  if (said === 'off') return [];
  return said === 'discover' ? ['*'] : said;
}

const anyAddress = (['ipv4', 'ipv6'] as const).map((family) => ({ family, first: 0n, last: lastValue(family) }));

function containersOf(said: SaidSettings['containers']): ContainerSettings {
  if (said === 'off') return { kind: 'off' };
  if (said === 'discover') return { kind: 'discover', reachable: [] };
  const peers = peersOf(said.reachable);
  return { kind: 'discover', reachable: peers.kind === 'ranges' ? peers.ranges : anyAddress };
}

function marksOf(said: number | string): MarkLayout {
  const mask = bitsOf(said);
  return mask === defaultMarks.mask ? defaultMarks : checked(markLayoutOf(mask));
}

/** Of what the declaration has let through. */
function checked<T>(result: Result<T>): T {
  if (!result.ok) throw new Error(result.error);
  return result.value;
}
