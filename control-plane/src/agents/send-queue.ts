// Streams that have something to send. Each stands in the queue once, however often it is asked to send, and encodes only when
// its turn comes: so a burst of changes costs one message. After every few messages other work gets a turn, so that an
// activation for 10,000 hosts does not hold up ACKs, heartbeats and operators.

export interface SendQueue {
  /** `send` is called once, soon (within this turn of the event loop, unless many wait). */
  add(send: () => void): void;
}

/** Writes between two yields; at some 20 µs each a turn takes 4 ms. */
const sendsPerTurn = 200;

export function createSendQueue(): SendQueue {
  const waiting = new Set<() => void>();
  let isScheduled = false;

  function drain(): void {
    isScheduled = false;
    let left = sendsPerTurn;
    for (const send of waiting) {
      if (left === 0) break;
      left -= 1;
      waiting.delete(send);
      send();
    }
    schedule();
  }

  function schedule(): void {
    if (isScheduled || waiting.size === 0) return;
    isScheduled = true;
    setImmediate(drain);
  }

  return {
    add(send) {
      waiting.add(send);
      schedule();
    },
  };
}
