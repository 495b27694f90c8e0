// The shape every netlink message shares: length-prefixed messages, nested attributes, both padded to four bytes. Headers are
// in the machine's byte order, little endian on both machines we run on; what netfilter puts into attributes is big endian.

export const headerBytes = 16;
/** struct nfgenmsg, after the header of every netfilter message. */
export const familyHeaderBytes = 4;
export const messageError = 2;
export const messageDone = 3;
export const flagInterrupted = 0x10;
const typeMask = 0x3fff;

/** Calls `read` with the type, place and length of each value; false if a length is a lie or `read` said so. */
export function eachAttribute(
  view: DataView,
  from: number,
  to: number,
  read: (type: number, at: number, length: number) => boolean,
): boolean {
  let at = from;
  while (at < to) {
    if (at + 4 > to) return false;
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > to) return false;
    if (!read(view.getUint16(at + 2, true) & typeMask, at + 4, length - 4)) return false;
    at += (length + 3) & ~3;
  }
  return true;
}

/** Exact to 2^53. */
export function read64(view: DataView, at: number): number {
  return view.getUint32(at) * 4_294_967_296 + view.getUint32(at + 4);
}

/** What one datagram held besides its content. `errno` is the kernel's answer to a request, 0 for an acknowledgement. */
export interface DatagramOutcome {
  readonly malformed: number;
  readonly dump: 'going-on' | 'done' | 'interrupted';
  readonly errno?: number;
}

/** Where one message of netfilter's lies: `from` is behind nfgenmsg. */
export interface NetfilterMessage {
  readonly subsystem: number;
  readonly message: number;
  readonly flags: number;
  /** Of the socket that asked for it; of a notice, of the one whose doing it tells. */
  readonly port: number;
  readonly from: number;
  readonly to: number;
}

/** Calls `read` with each netfilter message of a datagram; `read` answers whether it could read it. */
export function eachMessage(view: DataView, read: (message: NetfilterMessage) => boolean): DatagramOutcome {
  let malformed = 0;
  let dump: DatagramOutcome['dump'] = 'going-on';
  let errno: number | undefined;
  let at = 0;
  while (at < view.byteLength) {
    const length = at + headerBytes > view.byteLength ? 0 : view.getUint32(at, true);
    if (length < headerBytes || at + length > view.byteLength) {
      malformed += 1;
      break;
    }
    const type = view.getUint16(at + 4, true);
    const flags = view.getUint16(at + 6, true);
    if ((flags & flagInterrupted) !== 0 && type !== messageError) dump = 'interrupted';
    if (type === messageDone) {
      if (dump === 'going-on') dump = 'done';
    } else if (type === messageError) {
      if (length >= headerBytes + 4) errno = 0 - view.getInt32(at + headerBytes, true);
    } else if (type > 0xff) {
      const port = view.getUint32(at + 12, true);
      const message = { subsystem: type >> 8, message: type & 0xff, flags, port };
      if (!read({ ...message, from: at + headerBytes + familyHeaderBytes, to: at + length })) malformed += 1;
    }
    at += (length + 3) & ~3;
  }
  return { malformed, dump, ...(errno !== undefined && { errno }) };
}
