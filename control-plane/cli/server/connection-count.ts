// The line under a table with a column CONNECTIONS.

import { connectionCountText } from '#policy/learn/connection-count.ts';

export const connectionCountLine = `(CONNECTIONS: ${connectionCountText})`;
