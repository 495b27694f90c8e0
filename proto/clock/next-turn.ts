// The event loop's next turn: long work steps aside for what came in meanwhile. No time, so no clock winds it.

export { setImmediate as nextTurn } from 'node:timers/promises';
