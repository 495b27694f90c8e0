// Run inside a host of the lab: enters its open sockets into conntrack as an agent does before its first table, and says how many.

import { insertOpenSockets } from '#agent/conntrack/insert-open-connections.ts';

process.stdout.write(`${JSON.stringify(await insertOpenSockets())}\n`);
