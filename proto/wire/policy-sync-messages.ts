// Both directions of the policy stream as values. A down message that cannot be read still tells which revision it was about,
// where that much could be read, so that the agent can NACK it by number.

import { type Address, parseAddress } from '#model/address.ts';
import { latestInstant } from '#model/counts.ts';
import type { HostEvent, HostEventKind, Panic } from '#model/host-event.ts';
import type { Result } from '#model/result.ts';
import { err } from '#model/result.ts';
import type { HostRuleSet } from '#model/rule-set.ts';
import { type Millis, millis } from '#model/time.ts';
import type { NextCa } from './authority.ts';
import { encodeDelta, readDelta, type WireDelta } from './delta.ts';
import { createEnumCodec } from './enum-codec.ts';
import type { segwall } from './generated.js';
import { limits } from './limits.ts';
import { v1, Writer } from './protobuf.ts';
import {
  boundedCount,
  boundedNumber,
  checkedName,
  isGoodName,
  parseMessage,
  refuse,
  refusing,
  safeCount,
  withoutControls,
} from './refusal.ts';
import { ruleSetDigest } from './rule-set-digest.ts';
import { decodeDigest, encodeSnapshot, readSnapshot } from './snapshot.ts';

// ---- down

export type DownMessage =
  | { readonly kind: 'snapshot'; readonly ruleSet: HostRuleSet }
  | { readonly kind: 'delta'; readonly wire: WireDelta }
  | { readonly kind: 'heartbeat'; readonly sentAt: Millis; readonly takesEvents: boolean }
  | { readonly kind: 'events-taken'; readonly ids: readonly string[] }
  | { readonly kind: 'address-standing'; readonly standing: AddressStanding }
  | { readonly kind: 'revision-proof'; readonly proof: Uint8Array }
  | { readonly kind: 'next-ca'; readonly nextCa: NextCa }
  | { readonly kind: 'announcement'; readonly announcement: Announcement };

/** Where the control plane is from now on: HOST:PORT in the order in which they are tried; none where what was told is withdrawn. */
export interface Announcement {
  readonly number: number;
  readonly addresses: readonly string[];
}

/** What a host's claims to addresses have come to: the first few, and how many there are. Reasons are in words. */
export interface AddressStanding {
  readonly held: readonly string[];
  readonly heldCount: number;
  readonly pending: readonly { readonly address: string; readonly reason: string }[];
  readonly pendingCount: number;
}

/** `revision` is 0 where not even that could be read. */
export interface UnreadableDown {
  readonly revision: number;
  readonly reason: string;
}

const fieldOf = { snapshot: 1, delta: 2, heartbeat: 3 } as const;

export function encodeSnapshotMessage(ruleSet: HostRuleSet): Uint8Array {
  return wrap('snapshot', encodeSnapshot(ruleSet));
}

export function encodeDeltaMessage(base: HostRuleSet, next: HostRuleSet): Uint8Array {
  return wrap('delta', encodeDelta(base, next));
}

export function encodeHeartbeat(sentAt: Millis): Uint8Array {
  return v1.ControlPlaneMessage.encode({ heartbeat: { sentAt, takesEvents: true } }).finish();
}

export function encodeEventsTaken(ids: readonly string[]): Uint8Array {
  return v1.ControlPlaneMessage.encode({ eventsTaken: { ids: [...ids] } }).finish();
}

export function encodeAddressStanding(standing: AddressStanding): Uint8Array {
  const { held, heldCount, pending, pendingCount } = standing;
  const addressStanding = { held: [...held], heldCount, pending: [...pending], pendingCount };
  return v1.ControlPlaneMessage.encode({ addressStanding }).finish();
}

export function encodeRevisionProof(proof: Uint8Array): Uint8Array {
  return v1.ControlPlaneMessage.encode({ revisionProof: { proof } }).finish();
}

export function encodeNextCa(nextCa: NextCa): Uint8Array {
  return v1.ControlPlaneMessage.encode({ nextCa }).finish();
}

export function encodeAnnouncement({ number, addresses }: Announcement): Uint8Array {
  return v1.ControlPlaneMessage.encode({ announcement: { number, addresses: [...addresses] } }).finish();
}

export function decodeDownMessage(bytes: Uint8Array): Result<DownMessage, UnreadableDown> {
  let revision = 0;
  const read = refusing((): DownMessage => {
    const message = parseMessage('control plane message', () => v1.ControlPlaneMessage.decode(bytes));
    revision = message.snapshot?.revision ?? message.delta?.revision ?? 0;
    if (!Number.isSafeInteger(revision)) revision = 0;
    if (message.snapshot) return { kind: 'snapshot', ruleSet: readSnapshot(message.snapshot) };
    if (message.delta) return { kind: 'delta', wire: readDelta(message.delta) };
    if (message.heartbeat) {
      const sentAt = millis(Math.min(latestInstant, safeCount(message.heartbeat.sentAt ?? 0, 'heartbeat')));
      return { kind: 'heartbeat', sentAt, takesEvents: message.heartbeat.takesEvents ?? false };
    }
    if (message.eventsTaken) {
      const ids = message.eventsTaken.ids ?? [];
      boundedCount(ids.length, limits.events, 'events taken');
      return { kind: 'events-taken', ids: ids.map((id) => checkedName(id, limits.factCharacters, 'events taken, id')) };
    }
    if (message.addressStanding) return { kind: 'address-standing', standing: readStanding(message.addressStanding) };
    if (message.revisionProof) return { kind: 'revision-proof', proof: readProof(message.revisionProof.proof) };
    if (message.nextCa) return { kind: 'next-ca', nextCa: readNextCa(message.nextCa) };
    if (message.announcement) return { kind: 'announcement', announcement: readAnnouncement(message.announcement) };
    return refuse(
      'control plane message',
      'none of its kinds',
      'snapshot, delta, heartbeat, events_taken, address_standing, revision_proof, next_ca, announcement',
    );
  });
  return read.ok ? read : err({ revision, reason: read.error });
}

function readProof(proof: Uint8Array | null | undefined): Uint8Array {
  const bytes = proof ?? new Uint8Array(0);
  boundedCount(bytes.length, limits.proofBytes, 'revision proof, bytes');
  return bytes;
}

function readNextCa(message: segwall.v1.NextCa.$Properties): NextCa {
  const certificate = message.certificate ?? new Uint8Array(0);
  const signature = message.signature ?? new Uint8Array(0);
  boundedCount(certificate.length, limits.caBytes, 'next CA, bytes');
  boundedCount(signature.length, limits.caSignatureBytes, 'next CA, bytes of the signature');
  return { certificate, signature };
}

function readAnnouncement({ number, addresses }: segwall.v1.Announcement.$Properties): Announcement {
  boundedCount(addresses?.length ?? 0, limits.announcedControlPlanes, 'announcement, addresses');
  return {
    number: safeCount(number ?? 0, 'announcement, number'),
    addresses: (addresses ?? []).map((address) =>
      checkedName(address, limits.controlPlaneCharacters, 'announcement, address'),
    ),
  };
}

function readStanding(standing: segwall.v1.AddressStanding.$Properties): AddressStanding {
  const { held, pending } = standing;
  boundedCount(held?.length ?? 0, limits.standingAddresses, 'address standing, held');
  boundedCount(pending?.length ?? 0, limits.standingAddresses, 'address standing, pending');
  return {
    held: (held ?? []).map((address) => checkedName(address, limits.factCharacters, 'address standing, held')),
    heldCount: standing.heldCount ?? 0,
    pending: (pending ?? []).map(({ address, reason }) => ({
      address: checkedName(address ?? '', limits.factCharacters, 'address standing, pending'),
      reason: checkedName(reason ?? '', limits.factCharacters, 'address standing, reason'),
    })),
    pendingCount: standing.pendingCount ?? 0,
  };
}

/** Puts made bytes into the message that carries them, without reading them again. */
function wrap(kind: keyof typeof fieldOf, bytes: Uint8Array): Uint8Array {
  return Writer.create()
    .uint32((fieldOf[kind] << 3) | 2)
    .bytes(bytes)
    .finish();
}

// ---- up

/** What is in force on the host; absent in hello where nothing is. `digest` is 64 hex digits. */
export interface HeldRuleSet {
  readonly revision: number;
  readonly digest: string;
}

/** `facts` are without the "fact/" prefix; `units` is absent where the agent discovers none. */
export interface ReportedHost {
  readonly addresses: readonly string[];
  readonly facts: ReadonlyMap<string, string>;
  readonly units?: readonly string[];
  /** Absent where the agent discovers none. */
  readonly containers?: readonly ReportedContainer[];
  /** How much of the report was left out as beyond its bounds; absent where nothing was. */
  readonly cut?: number;
}

/** `name` as its engine calls it; `reachable` are those of its addresses by which other hosts can reach it. */
export interface ReportedContainer {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly reachable: readonly string[];
}

export interface ReportedStatus {
  readonly revision: number;
  readonly enforcing: boolean;
  readonly lost: number;
  readonly spooledBatches: number;
  readonly repairs: number;
  readonly problem: string;
  /** While the host is open because someone at its console said so. */
  readonly panic?: Panic;
  /** What on the host may keep its rules from holding; absent where there is nothing. */
  readonly warnings?: readonly string[];
  /** Discovered units that are not judged as these units; absent where there are none. */
  readonly unjudgedUnits?: readonly string[];
  /** The host's own clock. */
  readonly clock?: Millis;
  /** Absent where nothing is announced to it. */
  readonly following?: Following;
}

/** How far a host is with an announcement. `leaving`: its last word, before it goes where it was announced. */
export interface Following {
  readonly announcement: number;
  readonly state: 'not-yet' | 'leaving' | 'followed';
  /** Why not yet, or empty. */
  readonly problem: string;
}

/** `refused`: not in force, the last good one is. `need-snapshot`: a delta did not fit what is held. */
export type NackKind = 'refused' | 'need-snapshot';

export type UpMessage =
  | {
      readonly kind: 'hello';
      readonly agentVersion: string;
      readonly host: ReportedHost;
      readonly held?: HeldRuleSet;
      readonly takesStanding?: true;
      /** Absent: rule sets are to hold what grants now, and no schedules. */
      readonly takesSchedules?: true;
      readonly takesProof?: true;
      readonly takesNextCa?: true;
      readonly takesAnnouncement?: true;
      /** Nothing is to come of it but the answer whether the host would be served. */
      readonly asksOnly?: true;
      /** The newest that came. */
      readonly proof?: Uint8Array;
      /** Names of quarantines in force; absent where there are none. */
      readonly cutOff?: readonly string[];
    }
  | { readonly kind: 'ack'; readonly revision: number }
  | { readonly kind: 'nack'; readonly revision: number; readonly reason: string; readonly nack: NackKind }
  | { readonly kind: 'status'; readonly status: ReportedStatus }
  | { readonly kind: 'host-report'; readonly host: ReportedHost }
  | { readonly kind: 'events'; readonly events: readonly HostEvent[] };

const eventKinds = createEnumCodec<HostEventKind, segwall.v1.HostEventKind>('event kind', {
  'table-tampered': v1.HostEventKind.TABLE_TAMPERED,
  opened: v1.HostEventKind.OPENED,
  resumed: v1.HostEventKind.RESUMED,
  'essentials-changed': v1.HostEventKind.ESSENTIALS_CHANGED,
});

const followingStates = createEnumCodec<Following['state'], segwall.v1.FollowingState>('state of following', {
  'not-yet': v1.FollowingState.NOT_YET,
  leaving: v1.FollowingState.LEAVING,
  followed: v1.FollowingState.FOLLOWED,
});

const nackKinds = createEnumCodec<NackKind, segwall.v1.NackKind>('NACK kind', {
  refused: v1.NackKind.REFUSED,
  'need-snapshot': v1.NackKind.NEED_SNAPSHOT,
});

export function heldOf(ruleSet: HostRuleSet): HeldRuleSet {
  return { revision: ruleSet.revision, digest: ruleSetDigest(ruleSet) };
}

export function encodeUpMessage(message: UpMessage): Uint8Array {
  const bytes = v1.AgentMessage.encode(upProperties(message)).finish();
  if (bytes.length <= limits.streamMessageBytes || !('host' in message)) return bytes;
  return v1.AgentMessage.encode(upProperties({ ...message, host: cutHost(message.host) })).finish();
}

export function decodeUpMessage(bytes: Uint8Array): Result<UpMessage> {
  return refusing(() => readUpMessage(parseMessage('agent message', () => v1.AgentMessage.decode(bytes))));
}

function upProperties(message: UpMessage): segwall.v1.AgentMessage.$Properties {
  switch (message.kind) {
    case 'hello': {
      const {
        agentVersion,
        held,
        takesStanding,
        takesSchedules,
        takesProof,
        takesNextCa,
        takesAnnouncement,
        asksOnly,
        proof,
        cutOff = [],
      } = message;
      const hello = {
        agentVersion,
        report: hostProperties(message.host),
        takesAddressStanding: takesStanding ?? false,
        takesSchedules: takesSchedules ?? false,
        takesProof: takesProof ?? false,
        takesNextCa: takesNextCa ?? false,
        takesAnnouncement: takesAnnouncement ?? false,
        asksOnly: asksOnly ?? false,
        ...(proof === undefined ? {} : { proof }),
        cutOff: cutOff.slice(0, limits.cutOff),
      };
      if (held === undefined) return { hello };
      return { hello: { ...hello, held: { ...held, digest: Buffer.from(held.digest, 'hex') } } };
    }
    case 'ack':
      return { ack: { revision: message.revision } };
    case 'nack':
      return {
        nack: {
          revision: message.revision,
          reason: message.reason.slice(0, limits.reasonCharacters),
          kind: nackKinds.encode(message.nack),
        },
      };
    case 'status':
      return { status: statusProperties(message.status) };
    case 'events':
      return { events: { events: message.events.slice(0, limits.events).map(eventProperties) } };
    case 'host-report':
      return { hostReport: hostProperties(message.host) };
  }
}

function readUpMessage(message: segwall.v1.AgentMessage.$Properties): UpMessage {
  const { hello, ack, nack, status, hostReport, events } = message;
  if (hello) {
    const agentVersion = checkedName(hello.agentVersion ?? '', limits.factCharacters, 'hello, agent version');
    const host = readHost(hello.report, 'hello');
    const takes = {
      ...(hello.takesAddressStanding === true ? { takesStanding: true as const } : {}),
      ...(hello.takesSchedules === true ? { takesSchedules: true as const } : {}),
      ...(hello.takesProof === true ? { takesProof: true as const } : {}),
      ...(hello.takesNextCa === true ? { takesNextCa: true as const } : {}),
      ...(hello.takesAnnouncement === true ? { takesAnnouncement: true as const } : {}),
      ...(hello.asksOnly === true ? { asksOnly: true as const } : {}),
      ...((hello.proof?.length ?? 0) === 0 ? {} : { proof: readProof(hello.proof) }),
      ...readCutOff(hello.cutOff ?? []),
    };
    const base = { kind: 'hello', agentVersion, host, ...takes } as const;
    if (!hello.held) return base;
    const digest = decodeDigest(hello.held.digest, 'hello, held digest');
    return {
      ...base,
      held: { revision: boundedNumber(hello.held.revision, 'Held.revision', 'hello, held revision'), digest },
    };
  }
  if (ack) return { kind: 'ack', revision: boundedNumber(ack.revision, 'Ack.revision', 'ACK') };
  if (nack) {
    return {
      kind: 'nack',
      revision: boundedNumber(nack.revision, 'Nack.revision', 'NACK'),
      reason: readText(nack.reason ?? '', 'NACK'),
      nack: nackKinds.decode(nack.kind ?? 0, 'NACK'),
    };
  }
  if (status) return { kind: 'status', status: readStatus(status) };
  if (hostReport) return { kind: 'host-report', host: readHost(hostReport, 'host report') };
  if (events) {
    const list = events.events ?? [];
    boundedCount(list.length, limits.events, 'events');
    return { kind: 'events', events: list.map(readEvent) };
  }
  return refuse('agent message', 'none of its kinds', 'hello, ack, nack, status, host_report, events');
}

function readCutOff(names: readonly string[]): { readonly cutOff?: readonly string[] } {
  boundedCount(names.length, limits.cutOff, 'hello, cut off');
  if (names.length === 0) return {};
  return { cutOff: names.map((name) => checkedName(name, limits.factCharacters, 'hello, cut off')) };
}

function eventProperties({ id, at, kind, details }: HostEvent): segwall.v1.HostEvent.$Properties {
  const kept = [...details].slice(0, limits.eventDetails);
  return {
    id,
    happenedAt: at,
    kind: eventKinds.encode(kind),
    details: Object.fromEntries(kept.map(([key, value]) => [key, value.slice(0, limits.eventDetailCharacters)])),
  };
}

function readEvent(event: segwall.v1.HostEvent.$Properties): HostEvent {
  const details = Object.entries(event.details ?? {});
  return {
    id: checkedName(event.id ?? '', limits.factCharacters, 'event, id'),
    at: millis(boundedNumber(event.happenedAt, 'HostEvent.happened_at', 'event, time')),
    kind: eventKinds.decode(event.kind ?? 0, 'event'),
    details: new Map(
      details
        .slice(0, limits.eventDetails)
        .map(([key, value]) => [
          checkedName(key, limits.factCharacters, 'event, detail'),
          withoutControls(value.slice(0, limits.eventDetailCharacters)),
        ]),
    ),
  };
}

function statusProperties({
  warnings = [],
  unjudgedUnits = [],
  following,
  ...status
}: ReportedStatus): segwall.v1.Status.$Properties {
  const cut = (text: string) => text.slice(0, limits.reasonCharacters);
  return {
    ...status,
    problem: cut(status.problem),
    warnings: warnings.slice(0, limits.warnings).map(cut),
    unjudgedUnits: unjudgedUnits.slice(0, limits.reportedUnits),
    ...(following === undefined
      ? {}
      : {
          following: {
            announcement: following.announcement,
            state: followingStates.encode(following.state),
            problem: cut(following.problem),
          },
        }),
  };
}

function readStatus(status: segwall.v1.Status.$Properties): ReportedStatus {
  return {
    revision: boundedNumber(status.revision, 'Status.revision', 'status, revision'),
    enforcing: status.enforcing ?? false,
    lost: boundedNumber(status.lost, 'Status.lost', 'status, lost'),
    spooledBatches: boundedNumber(status.spooledBatches, 'Status.spooled_batches', 'status, spooled batches'),
    repairs: boundedNumber(status.repairs, 'Status.repairs', 'status, repairs'),
    problem: readText(status.problem ?? '', 'status, problem'),
    ...(status.panic == null
      ? {}
      : {
          panic: {
            since: millis(boundedNumber(status.panic.since, 'Panic.since', 'status, panic')),
            reason: readText(status.panic.reason ?? '', 'status, panic'),
          },
        }),
    ...readWarnings(status.warnings ?? []),
    ...readUnjudged(status.unjudgedUnits ?? []),
    ...(status.clock ? { clock: millis(boundedNumber(status.clock, 'Status.clock', 'status, clock')) } : {}),
    ...(status.following == null ? {} : { following: readFollowing(status.following) }),
  };
}

function readFollowing({ announcement, state, problem }: segwall.v1.Following.$Properties): Following {
  return {
    announcement: boundedNumber(announcement, 'Following.announcement', 'status, following'),
    state: followingStates.decode(state ?? 0, 'status, following'),
    problem: readText(problem ?? '', 'status, following'),
  };
}

function readUnjudged(units: readonly string[]): Pick<ReportedStatus, 'unjudgedUnits'> {
  boundedCount(units.length, limits.reportedUnits, 'status, unjudged units');
  const named = units.map((unit) => checkedName(unit, limits.factCharacters, 'status, unjudged unit'));
  return named.length === 0 ? {} : { unjudgedUnits: named };
}

function readWarnings(warnings: readonly string[]): Pick<ReportedStatus, 'warnings'> {
  boundedCount(warnings.length, limits.warnings, 'status, warnings');
  return warnings.length === 0 ? {} : { warnings: warnings.map((text) => readText(text, 'status, warning')) };
}

function hostProperties(host: ReportedHost): segwall.v1.HostReport.$Properties {
  const { addresses, facts, units, containers } = host;
  return {
    addresses: [...addresses],
    facts: Object.fromEntries(facts),
    ...(units === undefined ? {} : { units: { names: [...units] } }),
    ...(containers === undefined ? {} : { containers: { containers: containers.map(containerProperties) } }),
  };
}

/** What of a host that has more than a message holds is sent: of each list one more than its bound, so that the control plane tells of the cut. */
function cutHost(host: ReportedHost): ReportedHost {
  const { addresses, facts, units, containers } = host;
  const some = <T>(list: readonly T[], bound: number): readonly T[] => list.slice(0, bound + 1);
  let left: number = limits.allContainerAddresses + 1;
  const cutContainer = ({ name, ...lists }: ReportedContainer): ReportedContainer => {
    const taken = (list: readonly string[]) => {
      const kept = some(list, Math.min(limits.containerAddresses, left));
      left = Math.max(0, left - kept.length);
      return kept;
    };
    return { name, addresses: taken(lists.addresses), reachable: taken(lists.reachable) };
  };
  return {
    addresses: some(addresses, limits.reportedAddresses),
    facts: new Map(some([...facts], limits.facts)),
    ...(units === undefined ? {} : { units: some(units, limits.reportedUnits) }),
    ...(containers === undefined ? {} : { containers: some(containers, limits.reportedContainers).map(cutContainer) }),
  };
}

function containerProperties(container: ReportedContainer): segwall.v1.DiscoveredContainer.$Properties {
  const { name, addresses, reachable } = container;
  return { name, addresses: [...addresses], reachable: [...reachable] };
}

/** Lists past their bound and entries that are no such text are left out and counted: no host is lost over one of its many names. */
function readHost(report: segwall.v1.HostReport.$Properties | null | undefined, where: string): ReportedHost {
  if (!report) return refuse(where, 'no host report', 'addresses and facts');
  const cutting = createCutting();
  const isFact = ([key, value]: readonly [string, string]) => isName(key) && (value === '' || isName(value));
  const host = {
    addresses: readAddresses(report.addresses, cutting, limits.reportedAddresses),
    facts: new Map(cutting.of(Object.entries(report.facts ?? {}), limits.facts, isFact)),
    ...(report.units == null ? {} : { units: cutting.of(report.units.names ?? [], limits.reportedUnits, isName) }),
    ...(report.containers == null ? {} : { containers: readContainers(report.containers, cutting) }),
  };
  return cutting.count() === 0 ? host : { ...host, cut: cutting.count() };
}

interface Cutting {
  of<T>(list: readonly T[], most: number, isGood: (entry: T) => boolean): T[];
  /** What `read` makes of them; what it makes nothing of is cut. */
  read<T, R>(list: readonly T[], most: number, read: (entry: T) => R | undefined): R[];
  count(): number;
}

function createCutting(): Cutting {
  let cut = 0;
  return {
    of(list, most, isGood) {
      const kept = list.slice(0, most).filter(isGood);
      cut += list.length - kept.length;
      return kept;
    },
    read(list, most, read) {
      const kept = list.slice(0, most).flatMap((entry) => read(entry) ?? []);
      cut += list.length - kept.length;
      return kept;
    },
    count: () => cut,
  };
}

function readContainers({ containers }: segwall.v1.DiscoveredContainers.$Properties, cutting: Cutting) {
  let left: number = limits.allContainerAddresses;
  const read = (texts: readonly string[] | null | undefined) => {
    const kept = readAddresses(texts, cutting, Math.min(limits.containerAddresses, left));
    left -= kept.length;
    return kept;
  };
  const named = cutting.of(containers ?? [], limits.reportedContainers, ({ name }) => isName(name ?? ''));
  return named.map(
    ({ name, addresses, reachable }): ReportedContainer => ({
      name: name ?? '',
      addresses: read(addresses),
      reachable: read(reachable),
    }),
  );
}

function readAddresses(texts: readonly string[] | null | undefined, cutting: Cutting, most: number): Address[] {
  return cutting.read(texts ?? [], most, (text) => {
    const address = text.length <= limits.addressCharacters ? parseAddress(text) : undefined;
    return address?.ok === true ? address.value : undefined;
  });
}

function isName(text: string): boolean {
  return isGoodName(text, limits.factCharacters);
}

/** Free text for people: bounded, and kept on as it is. */
function readText(text: string, where: string): string {
  boundedCount(text.length, limits.reasonCharacters, `${where}, characters`);
  return text;
}
