// The messages of nfnetlink_queue and nfnetlink_log: to have packets handed over whole, to read them, and to let one go on its
// way. Layouts: linux/netfilter/nfnetlink_queue.h and nfnetlink_log.h. Every answer is to let pass: nothing is ever dropped here.

import type { AnswerSource } from '#agent-core/table/dns-answer-chains.ts';
import { eachAttribute, eachMessage } from './attributes.ts';
import { attribute, number, renderNetfilterRequest } from './request.ts';

const subsystems: Readonly<Record<AnswerSource, number>> = { held: 3, copied: 4 };
const queueVerdict = 1;
const configuration: Readonly<Record<AnswerSource, number>> = { held: 2, copied: 1 };
const flagRequest = 1;
const flagAcknowledge = 4;
const bindCommand = 1;
const copyPacket = 2;
const accept = 1;
/** Packets the kernel holds for us at most; what comes on top passes unseen (fail open). */
const heldMost = 512;
const failOpen = 1;

type Attribute = readonly [type: number, value: readonly number[]];

const u32 = (value: number): readonly number[] => [...number(value, 4)];

/** Messages that begin the handing over, to be sent one by one; each is acknowledged. */
export function renderBinding(source: AnswerSource, group: number): readonly Uint8Array[] {
  const wholePacket = [...u32(0xffff), copyPacket];
  const steps: readonly (readonly Attribute[])[] =
    source === 'held'
      ? [
          [[1, [bindCommand, 0, 0, 0]]],
          [[2, wholePacket]],
          [
            [3, u32(heldMost)],
            [4, u32(failOpen)],
            [5, u32(failOpen)],
          ],
        ]
      : [
          [[1, [bindCommand]]],
          // One packet a message, at once: by default the kernel gathers for a second.
          [
            [2, [...wholePacket, 0]],
            [5, u32(1)],
            [4, u32(1)],
          ],
        ];
  return steps.map((attributes) => render({ source, message: configuration[source], group, attributes }));
}

/** Lets a held packet go on its way. */
export function renderRelease(group: number, packet: number): Uint8Array {
  const attributes: readonly Attribute[] = [[2, [...u32(accept), ...u32(packet)]]];
  return render({ source: 'held', message: queueVerdict, group, attributes, flags: flagRequest });
}

/** `id` says which packet is meant in a release; copies have none. */
export interface HandedPacket {
  readonly id: number | undefined;
  readonly bytes: Uint8Array;
}

/** The packets of one datagram, whose bytes are valid as long as it is; `errno` where it answers a request instead. */
export function readHandedPackets(
  source: AnswerSource,
  datagram: Uint8Array,
): { readonly packets: readonly HandedPacket[]; readonly errno?: number } {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const packets: HandedPacket[] = [];
  const { errno } = eachMessage(view, ({ subsystem, message, from, to }) => {
    if (subsystem !== subsystems[source] || message !== 0) return true;
    let id: number | undefined;
    let bytes: Uint8Array = new Uint8Array(0);
    const isWhole = eachAttribute(view, from, to, (type, at, length) => {
      if (source === 'held' && type === 1 && length >= 4) id = view.getUint32(at);
      if (type === (source === 'held' ? 10 : 9)) bytes = datagram.subarray(at, at + length);
      return true;
    });
    packets.push({ id, bytes });
    return isWhole;
  });
  return errno === undefined ? { packets } : { packets, errno };
}

function render(request: {
  readonly source: AnswerSource;
  readonly message: number;
  readonly group: number;
  readonly attributes: readonly Attribute[];
  readonly flags?: number;
}): Uint8Array {
  const { source, message, group, attributes, flags = flagRequest | flagAcknowledge } = request;
  return renderNetfilterRequest({
    subsystem: subsystems[source],
    message,
    flags,
    resource: group,
    attributes: attributes.map(([type, value]) => attribute(type, value)),
  });
}
