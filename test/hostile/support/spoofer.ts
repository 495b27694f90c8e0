// Floods of UDP in raw packets, from any source to any port, made fast enough for tens of thousands: the packet is built once for a
// source, and each next one is the same with another port and its checksum set right by the difference.

import { type Address, addressFromValue, addressValue, familyOf } from '#model/address.ts';
import { type Packet, packet, udp } from '#test/protocols/packets.ts';

export interface Flood {
  readonly target: Address;
  /** Each sends to each port. */
  readonly sources: readonly Address[];
  readonly ports: readonly number[];
}

const clientPort = 4000;
/** Header and "hello". */
const udpBytes = 13;

/** Gives each packet to `send`, which must not keep it. */
export function flood({ target, sources, ports }: Flood, send: (packet: Packet) => void): void {
  for (const source of sources) {
    const one = packet({ source, target }, udp(clientPort, 0), { tag: 1 });
    const at = one.bytes.length - udpBytes;
    const sumOfPortless = ~one.bytes.readUInt16BE(at + 6) & 0xffff;
    for (const port of ports) {
      const sum = sumOfPortless + port;
      const checksum = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
      one.bytes.writeUInt16BE(port, at + 2);
      one.bytes.writeUInt16BE(checksum === 0 ? 0xffff : checksum, at + 6);
      send(one);
    }
  }
}

/** `count` addresses, `first` and those after it. */
export function addressesFrom(first: Address, count: number): readonly Address[] {
  const value = addressValue(first);
  return Array.from({ length: count }, (_, index) => addressFromValue(familyOf(first), value + BigInt(index)));
}

/** 1 to `count`. */
export function portsUpTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
