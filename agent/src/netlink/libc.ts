// The C library's calls that Node does not have, through koffi. Nothing here knows what a message means.
// Buffers handed to the kernel by address must not move: they are allocated apart from V8's heap and kept by their owner.

import koffi from 'koffi';

const c = koffi.load('libc.so.6');

type Call<Args extends readonly unknown[]> = (...args: Args) => number;

export const socket: Call<[number, number, number]> = c.func('int socket(int domain, int type, int protocol)');
export const close: Call<[number]> = c.func('int close(int fd)');
export const bind: Call<[number, Uint8Array, number]> = c.func(
  'int bind(int fd, const void *address, uint32_t length)',
);
export const connect: Call<[number, Uint8Array, number]> = c.func(
  'int connect(int fd, const void *address, uint32_t length)',
);
export const getName: Call<[number, Uint8Array, Uint8Array]> = c.func(
  'int getsockname(int fd, void *address, void *length)',
);
export const setOption: Call<[number, number, number, Uint8Array, number]> = c.func(
  'int setsockopt(int fd, int level, int name, const void *value, uint32_t length)',
);
export const send: Call<[number, Uint8Array, number, number]> = c.func(
  'long send(int fd, const void *bytes, size_t length, int flags)',
);
export const receiveMany: Call<[number, Uint8Array, number, number, null]> = c.func(
  'int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)',
);
/** A lock on an open file, for as long as it is open. */
export const fileLock: Call<[number, number]> = c.func('int flock(int fd, int operation)');
export const eventDescriptor: Call<[number, number]> = c.func('int eventfd(unsigned int value, int flags)');

/** Returns what the C library's heaps hold free to the kernel. */
export const trimHeap: Call<[number]> = c.func('int malloc_trim(size_t pad)');

const pollCall = c.func('int poll(void *descriptors, unsigned long count, int timeout_ms)');

/** Waits on a thread of libuv's pool; the answer is poll's. The buffer is the caller's, and must live until then. */
export function poll(descriptors: Uint8Array, count: number, timeoutMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    pollCall.async(descriptors, count, timeoutMs, (error: unknown, result: number) => {
      if (error === null || error === undefined) resolve(result);
      else reject(error);
    });
  });
}

export function addressOf(buffer: Uint8Array): bigint {
  return koffi.address(buffer);
}

/** Of the last call made from this thread; meaningless after an asynchronous one. */
export function lastErrno(): number {
  return koffi.errno();
}
