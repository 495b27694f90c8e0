// The bound of every field that an agent may send, as data: the decoders read their bounds here, docs/reference/wire-bounds.md is made
// of it, and a test holds it to the .proto files: a field without a row, or a row without a field, is red.
//
// What is beyond its bound is treated as its row says. `refuse`: the whole message is refused, and on the policy stream the stream ends.
// `saturate`: a number counts as the bound. `cut`: what does not fit, or is no such text, is left out, and the host's status tells of it.

import { latestInstant, mostCount } from '#model/counts.ts';
import { limits } from './limits.ts';

export type Beyond = 'refuse' | 'saturate' | 'cut';

export type Bound =
  | { readonly kind: 'number'; readonly most: number; readonly beyond: Beyond; readonly note?: string }
  | { readonly kind: 'time'; readonly most: number; readonly beyond: Beyond; readonly note?: string }
  | { readonly kind: 'text'; readonly most: number; readonly beyond: Beyond; readonly note?: string }
  /** `most` in bytes. */
  | { readonly kind: 'bytes'; readonly most: number; readonly beyond: Beyond; readonly note?: string }
  | { readonly kind: 'list'; readonly most: number; readonly each: string; readonly beyond: Beyond }
  | { readonly kind: 'map'; readonly most: number; readonly each: string; readonly beyond: Beyond }
  | { readonly kind: 'choice'; readonly beyond: 'refuse' }
  | { readonly kind: 'message' }
  | { readonly kind: 'truth' };

const number = (most: number, beyond: Beyond, note?: string): Bound => ({
  kind: 'number',
  most,
  beyond,
  ...(note === undefined ? {} : { note }),
});
const revision = (note: string) => number(mostCount, 'refuse', note);
const time = (note: string): Bound => ({ kind: 'time', most: latestInstant, beyond: 'refuse', note });
const text = (most: number, beyond: Beyond, note?: string): Bound => ({
  kind: 'text',
  most,
  beyond,
  ...(note === undefined ? {} : { note }),
});
const list = (most: number, each: string, beyond: Beyond): Bound => ({ kind: 'list', most, each, beyond });
const map = (most: number, each: string, beyond: Beyond): Bound => ({ kind: 'map', most, each, beyond });
const column = (each: string): Bound => list(limits.flowRecords, each, 'refuse');
const index = 'an index into its table; one that is beyond it refuses the message';
const choice: Bound = { kind: 'choice', beyond: 'refuse' };
const message: Bound = { kind: 'message' };
const truth: Bound = { kind: 'truth' };
const name = `a name of 1 to ${limits.factCharacters} characters, none of them a control character`;
const containerAddress = `a canonical address; in both lists of all containers together at most ${limits.allContainerAddresses}`;

export const bounds = {
  'AgentMessage.hello': message,
  'AgentMessage.ack': message,
  'AgentMessage.nack': message,
  'AgentMessage.status': message,
  'AgentMessage.host_report': message,
  'AgentMessage.events': message,

  'Hello.agent_version': text(limits.factCharacters, 'refuse'),
  'Hello.report': message,
  'Hello.held': message,
  'Hello.takes_address_standing': truth,
  'Hello.takes_schedules': truth,
  'Hello.takes_proof': truth,
  'Hello.takes_next_ca': truth,
  'Hello.takes_announcement': truth,
  'Hello.asks_only': truth,
  'Hello.proof': {
    kind: 'bytes',
    most: limits.proofBytes,
    beyond: 'refuse',
    note: "only what the control plane's own key made says anything",
  },
  'Hello.cut_off': list(
    limits.cutOff,
    `${name}; told while the store is held, believed where it fits the proof's digest`,
    'refuse',
  ),
  'Held.revision': revision('told as `ahead` where the store knows of none so high; never becomes a revision of ours'),
  'Held.digest': { kind: 'bytes', most: 32, beyond: 'refuse', note: 'exactly 32' },

  'HostReport.addresses': list(limits.reportedAddresses, 'a canonical address', 'cut'),
  'HostReport.facts': map(limits.facts, `${name}; values may be empty`, 'cut'),
  'HostReport.units': message,
  'HostReport.containers': message,
  'DiscoveredUnits.names': list(limits.reportedUnits, name, 'cut'),
  'DiscoveredContainers.containers': list(limits.reportedContainers, 'a container', 'cut'),
  'DiscoveredContainer.name': text(limits.factCharacters, 'cut', 'a container with a bad name is left out'),
  'DiscoveredContainer.addresses': list(limits.containerAddresses, containerAddress, 'cut'),
  'DiscoveredContainer.reachable': list(limits.containerAddresses, containerAddress, 'cut'),

  'Ack.revision': revision('must be the one under way'),
  'Nack.revision': revision('must be the one under way, or 0'),
  'Nack.reason': text(limits.reasonCharacters, 'refuse'),
  'Nack.kind': choice,

  'Status.revision': number(mostCount, 'saturate'),
  'Status.enforcing': truth,
  'Status.lost': number(mostCount, 'saturate'),
  'Status.spooled_batches': number(mostCount, 'saturate'),
  'Status.repairs': number(mostCount, 'saturate'),
  'Status.problem': text(limits.reasonCharacters, 'refuse'),
  'Status.panic': message,
  'Status.clock': time('compared with the server’s clock, and shown as how far it is off; believed in nothing'),
  'Status.warnings': list(limits.warnings, `a text of at most ${limits.reasonCharacters} characters`, 'refuse'),
  'Status.unjudged_units': list(limits.reportedUnits, name, 'refuse'),
  'Status.following': message,
  'Following.announcement': number(
    mostCount,
    'refuse',
    'shown where it is the one announced here; the next is numbered above it, if it is no more than a day ahead of the server’s clock',
  ),
  'Following.state': choice,
  'Following.problem': text(limits.reasonCharacters, 'refuse'),
  'Panic.since': time("shown as now where it is after the server's clock"),
  'Panic.reason': text(limits.reasonCharacters, 'refuse'),

  'HostEvents.events': list(limits.events, 'an event', 'refuse'),
  'HostEvent.id': text(limits.factCharacters, 'refuse'),
  'HostEvent.happened_at': time("told as the host's word; the audit log's own time is the server's"),
  'HostEvent.kind': choice,
  'HostEvent.details': map(
    limits.eventDetails,
    `${name}; of a value the first ${limits.eventDetailCharacters} characters, control characters as spaces`,
    'cut',
  ),

  'EnrolRequest.token': text(limits.tokenCharacters, 'refuse'),
  'EnrolRequest.host': text(limits.factCharacters, 'refuse', 'a name by the language, else NAME_INVALID'),
  'EnrolRequest.csr': { kind: 'bytes', most: limits.csrBytes, beyond: 'refuse' },
  'EnrolRequest.renews_identity': truth,
  'EnrolRequest.client_clock': time("more than five minutes from the server's clock is CLOCK_SKEW"),
  'RenewRequest.csr': { kind: 'bytes', most: limits.csrBytes, beyond: 'refuse' },
  'RenewRequest.client_clock': time("more than five minutes from the server's clock is CLOCK_SKEW"),

  'FlowBatch.sequence': number(
    mostCount,
    'refuse',
    'counts within its run; of each host those of its sixteen newest runs are remembered',
  ),
  'FlowBatch.run': { kind: 'bytes', most: 16, beyond: 'refuse', note: 'exactly 16, or none' },
  'FlowBatch.started_at': time('first and last seen count from it'),
  'FlowBatch.ended_at': time('not kept'),
  'FlowBatch.lost': message,
  'FlowBatch.strings': list(limits.strings, `a text of 1 to ${limits.stringCharacters} characters`, 'refuse'),
  'FlowBatch.ends': list(limits.flowRecords, 'a decision', 'refuse'),
  'FlowBatch.ipv4': list(2 * limits.flowRecords, 'an address', 'refuse'),
  'FlowBatch.ipv6': { kind: 'bytes', most: 32 * limits.flowRecords, beyond: 'refuse', note: '16 an address' },
  'FlowBatch.count': number(limits.flowRecords, 'refuse'),
  'FlowBatch.end': column(index),
  'FlowBatch.local': column(index),
  'FlowBatch.peer': column(index),
  'FlowBatch.protocol': column('0 to 255'),
  'FlowBatch.port': column('0 to 65535'),
  'FlowBatch.base_revision': revision('told with the flow; compared with nothing'),
  'FlowBatch.revision': column('with the base at most 2^53 - 1'),
  'FlowBatch.connections': column(`saturates at ${limits.flowConnections}`),
  'FlowBatch.packets_original': column(`saturates at ${limits.flowPackets}`),
  'FlowBatch.packets_reply': column(`saturates at ${limits.flowPackets}`),
  'FlowBatch.bytes_original': column(`saturates at ${limits.flowBytes}`),
  'FlowBatch.bytes_reply': column(`saturates at ${limits.flowBytes}`),
  'FlowBatch.first_seen': column("an instant from 1970 to 9999; brought before the server's clock"),
  'FlowBatch.last_seen': column(
    "an instant from 1970 to 9999; brought before the server's clock, and 400 days back at most",
  ),
  'FlowBatch.answered': column('yes or no'),
  'FlowBatch.unit': column(index),
  'FlowBatch.process': column(index),
  'FlowBatch.asked_port': column('0 to 65535'),
  'FlowLoss.overruns': number(limits.flowLoss, 'saturate'),
  'FlowLoss.records': number(limits.flowLoss, 'saturate'),
  'FlowLoss.spooled': number(limits.flowLoss, 'saturate'),
  'FlowLoss.denied_inbound': number(limits.flowLoss, 'saturate'),
  'FlowLoss.denied_outbound': number(limits.flowLoss, 'saturate'),
  'FlowEnd.direction': choice,
  'FlowEnd.verdict': choice,
  'FlowEnd.reason': choice,
  'FlowEnd.workload': number(limits.strings, 'refuse', index),
  'FlowEnd.segment': number(limits.strings, 'refuse', index),
  'FlowEnd.combination': number(limits.strings, 'refuse', index),
  'FlowEnd.rule': number(limits.strings, 'refuse', index),
  'FlowEnd.guardrail': number(limits.strings, 'refuse', index),
  'FlowEnd.essential': number(limits.strings, 'refuse', index),
  'FlowEnd.quarantine': number(limits.strings, 'refuse', index),
} as const satisfies Readonly<Record<string, Bound>>;

/** Messages that agents send; all they reach is theirs too. */
export const fromAgents = ['AgentMessage', 'EnrolRequest', 'RenewRequest', 'FlowBatch'] as const;

export type BoundedField = keyof typeof bounds;

type FieldOf<Kind extends Bound['kind']> = {
  [Field in BoundedField]: (typeof bounds)[Field] extends { readonly kind: Kind } ? Field : never;
}[BoundedField];

/** `most` of a field that has one. */
export function mostOf(field: BoundedField): number {
  const bound: Bound = bounds[field];
  if ('most' in bound) return bound.most;
  throw new Error(`${field} has no greatest value`);
}

export type CountField = FieldOf<'number'> | FieldOf<'time'>;
