// A thread of the test process that enters one lab host's network after another and does there, by the libraries, what the
// programs do: nft's own library, conntrack's flush, the agent's sweep of marks. It saves the start of a process, some 30 ms of a
// core, which the truth tables would pay thousands of times. test/support/lab.test.ts holds it to the programs.

import { closeSync, openSync, readlinkSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import koffi from 'koffi';
import { sweepMarks } from '#agent/conntrack/mark-sweep.ts';
import { netlinkProtocols, openNetlink } from '#agent/netlink/socket.ts';
import type { MarkSweep } from '#agent-core/netlink/conntrack-mark-sweep.ts';
import { assertOk, type Result } from '#model/result.ts';

export interface NftOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What each errand asks and what it gives. */
export interface Errands {
  /** Arguments as nft takes them; `-f -` reads `input`. */
  readonly nft: {
    readonly asks: { readonly args: readonly string[]; readonly input: string };
    readonly gives: NftOutcome;
  };
  readonly sweepMarks: { readonly asks: MarkSweep; readonly gives: Result<number> };
  readonly forgetConnections: { readonly asks: undefined; readonly gives: undefined };
}

export interface InsideRequest {
  readonly id: number;
  readonly namespace: string;
  readonly errand: keyof Errands;
  readonly asks: unknown;
}

export type InsideReply =
  | { readonly id: number; readonly kind: 'done'; readonly gives: unknown }
  | { readonly id: number; readonly kind: 'failed'; readonly message: string };

const newNetwork = 0x40000000;
const ownNetwork = readlinkSync('/proc/thread-self/ns/net');
const setns = koffi.load('libc.so.6').func('int setns(int fd, int type)') as (fd: number, type: number) => number;
const nft = koffi.load('libnftables.so.1');
const createContext = nft.func('void *nft_ctx_new(uint32_t flags)');
const freeContext = nft.func('void nft_ctx_free(void *context)');
const setOutput = nft.func('void nft_ctx_output_set_flags(void *context, unsigned int flags)');
const setDryRun = nft.func('void nft_ctx_set_dry_run(void *context, bool dry)');
const bufferOutput = nft.func('int nft_ctx_buffer_output(void *context)');
const bufferError = nft.func('int nft_ctx_buffer_error(void *context)');
const outputOf = nft.func('str nft_ctx_get_output_buffer(void *context)');
const errorOf = nft.func('str nft_ctx_get_error_buffer(void *context)');
const runCommand = nft.func('int nft_run_cmd_from_buffer(void *context, str text)');

/** nft's options that change what it prints, as its main.c translates them (NFT_CTX_OUTPUT_…). */
const outputFlags: Readonly<Record<string, number>> = {
  '-s': 1 << 2,
  '-a': 1 << 3,
  '-j': 1 << 4,
  '-p': 1 << 7,
  '-n': (1 << 7) | (1 << 8) | (1 << 9) | (1 << 10),
  '-t': 1 << 11,
};

const errands: {
  readonly [E in keyof Errands]: (asks: Errands[E]['asks']) => Errands[E]['gives'] | Promise<Errands[E]['gives']>;
} = {
  nft: ({ args, input }) => {
    const options = args.filter((word) => word in outputFlags);
    const words = args.filter((word) => word !== '-c' && !(word in outputFlags)).join(' ');
    const context = createContext(0);
    try {
      setOutput(
        context,
        options.reduce((flags, word) => flags | (outputFlags[word] ?? 0), 0),
      );
      setDryRun(context, args.includes('-c'));
      bufferOutput(context);
      bufferError(context);
      const failed = runCommand(context, words === '-f -' ? input : words);
      return { exitCode: failed === 0 ? 0 : 1, stdout: outputOf(context), stderr: errorOf(context) };
    } finally {
      freeContext(context);
    }
  },
  // It opens its sockets before it first waits, so what this thread enters meanwhile is nothing to it.
  sweepMarks: (sweep) => sweepMarks(sweep),
  forgetConnections: () => {
    const netfilter = { protocol: netlinkProtocols.netfilter, groups: 0, receiveBufferBytes: 1 << 16 };
    const socket = assertOk(openNetlink(netfilter));
    try {
      // struct nlmsghdr and nfgenmsg: IPCTNL_MSG_CT_DELETE without a tuple, which the kernel answers before send returns.
      const message = Buffer.alloc(20);
      message.writeUInt32LE(message.length, 0);
      message.writeUInt16LE((1 << 8) | 2, 4);
      message.writeUInt16LE(1 | 4, 6);
      assertOk(socket.send(message));
      const errnos: number[] = [];
      socket.receive((bytes) => errnos.push(new DataView(bytes.buffer, bytes.byteOffset).getInt32(16, true)));
      if (errnos.length !== 1 || errnos[0] !== 0)
        throw new Error(`conntrack could not be emptied: ${errnos.join() || 'no answer'}`);
    } finally {
      socket.close();
    }
    return undefined;
  },
};

/** The network this thread was born in is the machine's, and nothing done here may meet it. */
function enter(namespace: string): void {
  const descriptor = openSync(`/run/netns/${namespace}`, 'r');
  try {
    if (setns(descriptor, newNetwork) !== 0) throw new Error(`${namespace} could not be entered`);
    if (readlinkSync('/proc/thread-self/ns/net') === ownNetwork)
      throw new Error(`${namespace} is the machine's network`);
  } finally {
    closeSync(descriptor);
  }
}

async function answer({ id, namespace, errand, asks }: InsideRequest): Promise<InsideReply> {
  try {
    enter(namespace);
    return { id, kind: 'done', gives: await errands[errand](asks as never) };
  } catch (error) {
    return { id, kind: 'failed', message: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', async (request: InsideRequest) => parentPort?.postMessage(await answer(request)));
