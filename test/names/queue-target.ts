// The kernel's older words for handing packets to a queue (xt_NFQUEUE through nft's compatibility layer), which no nft text can
// say: two tables of their own, with the same rules before it (a family's table knows its packets by `meta protocol`), and one rule
// each by netlink. For kernels built without nft's own queue statement.

import { netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import type { Nft } from '#agent/nft/nft.ts';
import { answerQueue, heardForMs, heartbeatPort } from '#agent-core/table/dns-answer-chains.ts';
import { assertOk } from '#model/result.ts';

const tables = [
  { family: 2, word: 'ip' },
  { family: 10, word: 'ip6' },
] as const;

export async function loadQueueTarget(nft: Nft): Promise<void> {
  for (const { word } of tables) {
    const name = `${word} delayed_answers`;
    assertOk(
      await nft.apply(`add table ${name}
delete table ${name}
add table ${name}
add chain ${name} hold
add chain ${name} input { type filter hook input priority 10; }
add chain ${name} output { type filter hook output priority 10; }
add set ${name} heard { type ether_type; flags dynamic,timeout; timeout ${heardForMs / 1000}s; }
add rule ${name} input iif lo udp dport ${heartbeatPort} update @heard { meta protocol }
add rule ${name} output udp dport 53 ct direction original meta protocol @heard goto hold
add rule ${name} output tcp dport 53 ct direction original meta protocol @heard goto hold
add rule ${name} input udp sport 53 ct state established ct direction reply meta protocol @heard goto hold
add rule ${name} input tcp sport 53 ct state established ct direction reply meta protocol @heard goto hold
`),
    );
  }
  const socket = assertOk(
    openNetlink({ protocol: netlinkProtocols.netfilter, groups: 0, receiveBufferBytes: 1 << 20 }),
  );
  for (const { family } of tables) {
    assertOk(socket.send(Buffer.concat([message(0x10, 0, 10), ruleMessage(family), message(0x11, 0, 10)])));
    let errno: number | undefined;
    while (errno === undefined) {
      socket.receive((bytes) => {
        const view = Buffer.from(bytes);
        if (view.readUInt16LE(4) === 2) errno ??= -view.readInt32LE(16);
      });
    }
    if (errno !== 0) throw new Error(`the queue target was not loaded: errno ${errno}`);
  }
  socket.close();
}

/** NFT_MSG_NEWRULE: one expression "target", NFQUEUE revision 3 with its bypass flag. */
function ruleMessage(family: number): Buffer {
  const info = Buffer.alloc(8);
  info.writeUInt16LE(answerQueue, 0);
  info.writeUInt16LE(1, 2);
  info.writeUInt16LE(1, 4);
  const target = Buffer.concat([attribute(1, text('NFQUEUE')), attribute(2, u32(3)), attribute(3, info)]);
  const expression = Buffer.concat([attribute(1, text('target')), attribute(0x8002, target)]);
  const content = Buffer.concat([
    attribute(1, text('delayed_answers')),
    attribute(2, text('hold')),
    attribute(0x8004, attribute(0x8001, expression)),
  ]);
  // Create, append, acknowledge.
  return message((10 << 8) | 6, family, 0, 0x1 | 0x4 | 0x400 | 0x800, content);
}

function message(type: number, family: number, resource: number, flags = 1, content = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(20);
  head.writeUInt32LE(20 + content.length, 0);
  head.writeUInt16LE(type, 4);
  head.writeUInt16LE(flags, 6);
  head.writeUInt8(family, 16);
  head.writeUInt16BE(resource, 18);
  return Buffer.concat([head, content]);
}

function attribute(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(4 + value.length, 0);
  head.writeUInt16LE(type, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
