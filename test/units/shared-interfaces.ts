// Says as one line of JSON which interfaces others use beside the host, where this runs: in a lab's host.

import { sharedInterfaces } from '#agent/host/shared-interfaces.ts';

process.stdout.write(`${JSON.stringify(sharedInterfaces())}\n`);
