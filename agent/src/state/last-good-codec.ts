// What the last good file holds: the rule set, and what it takes to load it again as it was — epoch, numbers, and the
// essential settings of the moment, so that a boot without network or control plane enforces exactly what was enforced
// before.

import type { Numbering } from '#agent-core/judge/numbers.ts';
import { defaultMarkMask } from '#agent-core/marks/mark-layout.ts';
import { normaliseRanges, parseCidr, rangeCidrs } from '#model/address-range.ts';
import { err, ok, type Result } from '#model/result.ts';
import type { EssentialEntry, HostRuleSet, SocketOwner } from '#model/rule-set.ts';
import { parseServiceTerm, serviceTermText } from '#model/service.ts';
import { decodeSnapshot, encodeSnapshot } from '#wire/snapshot.ts';

export interface LastGoodRecord {
  readonly ruleSet: HostRuleSet;
  readonly epoch: number;
  readonly numbering: Numbering;
  /** The bits of the connection mark that were ours. */
  readonly markMask: number;
  /** Bits in which stamps of yet another mask may stand, where nothing was loaded since it changed. */
  readonly unswept?: number;
  readonly essentials: readonly EssentialEntry[];
}

interface Header {
  readonly version: 1;
  readonly epoch: number;
  readonly decisions: readonly (readonly [string, number])[];
  readonly nextDecision: number;
  readonly classes: readonly (readonly [string, number])[];
  readonly nextClass: number;
  /** Absent in files of agents that did not size their maps. */
  readonly capacities?: readonly (readonly [string, number])[];
  /** Absent: the default mask. */
  readonly markMask?: number;
  readonly unswept?: number;
  readonly essentials: readonly {
    readonly name: string;
    readonly direction: string;
    readonly peers: readonly string[] | 'any';
    readonly services: readonly string[];
    readonly owner?: SocketOwner;
  }[];
}

const newline = 10;

/** One line of JSON, then the rule set as the wire has it. */
export function encodeLastGood(record: LastGoodRecord): Uint8Array {
  const { ruleSet, epoch, numbering, essentials, markMask, unswept } = record;
  const header: Header = {
    version: 1,
    epoch,
    decisions: [...numbering.decisions],
    nextDecision: numbering.nextDecision,
    classes: [...numbering.classes],
    nextClass: numbering.nextClass,
    capacities: [...numbering.capacities],
    ...(markMask !== defaultMarkMask && { markMask }),
    ...(unswept !== undefined && { unswept }),
    essentials: essentials.map(({ name, direction, peers, services, owner }) => ({
      name,
      direction,
      peers: peers.kind === 'any' ? 'any' : peers.ranges.flatMap(rangeCidrs),
      services: services.map(serviceTermText),
      ...(owner !== undefined && { owner }),
    })),
  };
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), encodeSnapshot(ruleSet)]);
}

export function decodeLastGood(bytes: Uint8Array): Result<LastGoodRecord> {
  const end = bytes.indexOf(newline);
  if (end < 0) return err('the last good file has no header');
  const read = readHeader(Buffer.from(bytes.subarray(0, end)).toString('utf8'));
  if (!read.ok) return read;
  const header = read.value;
  const ruleSet = decodeSnapshot(bytes.subarray(end + 1));
  if (!ruleSet.ok) return err(`the rule set of the last good file: ${ruleSet.error}`);
  const essentials: EssentialEntry[] = [];
  for (const { name, direction, peers, services, owner } of header.essentials) {
    const ranges = peers === 'any' ? [] : peers.map(parseCidr);
    const terms = services.map(parseServiceTerm);
    if (
      (direction !== 'inbound' && direction !== 'outbound') ||
      ranges.some(({ ok }) => !ok) ||
      terms.some(({ ok }) => !ok) ||
      (owner !== undefined && !(Number.isSafeInteger(owner.uid) && owner.uid >= 0))
    ) {
      return err(`the essential entry "${name}" of the last good file cannot be read`);
    }
    essentials.push({
      name,
      direction,
      peers:
        peers === 'any'
          ? { kind: 'any' }
          : { kind: 'ranges', ranges: normaliseRanges(ranges.flatMap((range) => (range.ok ? [range.value] : []))) },
      services: terms.flatMap((term) => (term.ok ? [term.value] : [])),
      ...(owner !== undefined && { owner: { uid: owner.uid } }),
    });
  }
  return ok({
    ruleSet: ruleSet.value,
    epoch: header.epoch,
    numbering: {
      decisions: new Map(header.decisions),
      nextDecision: header.nextDecision,
      classes: new Map(header.classes),
      nextClass: header.nextClass,
      capacities: new Map(header.capacities ?? []),
    },
    markMask: header.markMask ?? defaultMarkMask,
    ...(header.unswept !== undefined && { unswept: header.unswept }),
    essentials,
  });
}

/** A checksum that fits is no proof of sense: another version may have written it, or a hand. */
function readHeader(text: string): Result<Header> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return err('the header of the last good file is not JSON');
  }
  const header = (typeof value === 'object' && value !== null ? value : {}) as Partial<Record<keyof Header, unknown>>;
  if (header.version !== 1)
    return err(`the last good file is of version ${String(header.version)}, and this agent reads version 1`);
  const { epoch, decisions, nextDecision, classes, nextClass, capacities, markMask, unswept, essentials } = header;
  const isWhole =
    [epoch, nextDecision, nextClass].every(isNumber) &&
    [decisions, classes, capacities ?? []].every(isNumbering) &&
    [markMask ?? 0, unswept ?? 0].every((mask) => isNumber(mask) && mask <= 0xffff_ffff) &&
    Array.isArray(essentials) &&
    essentials.every(isEssential);
  return isWhole ? ok(header as Header) : err('the header of the last good file does not hold what it should');
}

function isNumber(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isNumbering(value: unknown): boolean {
  const isEntry = (entry: unknown) =>
    Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string' && isNumber(entry[1]);
  return Array.isArray(value) && value.every(isEntry);
}

function isEssential(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { name, peers, services } = value as Partial<Record<string, unknown>>;
  const isTexts = (list: unknown) => Array.isArray(list) && list.every((text) => typeof text === 'string');
  return typeof name === 'string' && (peers === 'any' || isTexts(peers)) && isTexts(services);
}
