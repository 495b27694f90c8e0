// Reads what a DNS message asks, whose every byte may be hostile, as bytes to compare: a resolver repeats the question as it came, its
// capitals too, so that equal bytes are the same question. A message that does not ask exactly one is undefined.

export interface DnsQuestion {
  readonly kind: 'query' | 'answer';
  readonly id: number;
  /** Name, type and class as they stand in the message, one character a byte. */
  readonly text: string;
}

const headerBytes = 12;
const nameBytesMost = 255;

export function readDnsQuestion(bytes: Uint8Array): DnsQuestion | undefined {
  if (bytes.length < headerBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const flags = view.getUint16(2);
  const isPlainQuery = (flags & 0x7800) === 0;
  if (!isPlainQuery || view.getUint16(4) !== 1) return undefined;
  let at = headerBytes;
  for (let length = bytes[at]; length !== 0; length = bytes[at]) {
    // Nothing stands before a question that its name could point to.
    if (length === undefined || (length & 0xc0) !== 0) return undefined;
    at += 1 + length;
    if (at - headerBytes >= nameBytesMost) return undefined;
  }
  const end = at + 5;
  if (end > bytes.length) return undefined;
  return {
    kind: (flags & 0x8000) === 0 ? 'query' : 'answer',
    id: view.getUint16(0),
    text: String.fromCharCode(...bytes.subarray(headerBytes, end)),
  };
}
