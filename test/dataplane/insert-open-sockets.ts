// Run inside a host of the lab: enters its open sockets into conntrack as an agent does before its first table, and says how many.

import { insertOpenSockets } from '#agent/open-sockets.ts';

process.stdout.write(`${JSON.stringify(await insertOpenSockets())}\n`);
