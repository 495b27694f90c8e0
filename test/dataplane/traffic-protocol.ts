// What a test and the traffic process inside a host say to each other: one JSON object a line, answers in the order asked.

/** `echo`: each datagram is sent back. `exchange`: each line sent over one open connection comes back. `flood`: datagrams that nobody
 * is to see. `connect`: connections that nobody is to see. */
export type FlowKind = 'udp-echo' | 'tcp-exchange' | 'udp-flood' | 'tcp-connect';

export interface FlowRequest {
  readonly id: string;
  readonly kind: FlowKind;
  readonly address: string;
  readonly port: number;
  readonly intervalMs: number;
}

export interface FlowCount {
  /** Datagrams, lines or attempts. */
  readonly sent: number;
  /** Answers, or connections that opened. */
  readonly answered: number;
  /** Longest wait for an answer. */
  readonly longestMs: number;
  readonly error?: string;
}

export type TrafficRequest =
  /** At every address, where none is given. */
  | {
      readonly op: 'listen';
      readonly transport: 'tcp' | 'udp';
      readonly port: number;
      readonly addresses?: readonly string[];
    }
  | { readonly op: 'start'; readonly flow: FlowRequest }
  /** Sends no more, and waits a little for answers that are on their way. */
  | { readonly op: 'finish' }
  /** What reached this host's listeners: "udp/7000" to datagrams or accepted connections. */
  | { readonly op: 'reached' }
  /** A connection on which nobody says anything unasked; it is known by its id at both ends. */
  | { readonly op: 'open'; readonly id: string; readonly address: string; readonly port: number }
  | { readonly op: 'say'; readonly id: string }
  /** Half-closes it: says that nothing more will be said. */
  | { readonly op: 'end'; readonly id: string }
  /** Drops all of them at once, and no kernel keeps anything of them here. */
  | { readonly op: 'reset' }
  /** Which open connections the other end has half-closed ("ended"), and which the kernel gave up, by the name of its error. */
  | { readonly op: 'endings' }
  /** How often the other end of each open connection has been heard. */
  | { readonly op: 'heard' };
