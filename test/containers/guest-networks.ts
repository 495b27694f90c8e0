// Says as one line of JSON what of the forward path the agent's host answers for, where this runs: in a lab's host. Its arguments are the
// names of interfaces that lead outside.

import { readGuests } from '#agent/host/addresses.ts';

process.stdout.write(`${JSON.stringify(readGuests({ outside: process.argv.slice(2) }))}\n`);
