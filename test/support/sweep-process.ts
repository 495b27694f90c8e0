// Runs the agent's sweep of conntrack marks inside a host of the lab: `node sweep-process.ts BITS BUT` prints how many were cleared.

import { sweepMarks } from '#agent/mark-sweep.ts';
import { assertOk } from '#model/result.ts';

const [bits, but] = process.argv.slice(2).map(Number);
console.log(assertOk(await sweepMarks({ bits: bits ?? 0, but: but ?? 0 })));
