// Runs the agent's sweep of conntrack marks inside a host of the lab: `node sweep-process.ts EPOCH` prints how many were cleared.

import { sweepMarks } from '#agent/mark-sweep.ts';
import { assertOk } from '#model/result.ts';

console.log(assertOk(await sweepMarks(Number(process.argv[2]))));
