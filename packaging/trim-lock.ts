// `npm run lock`, after a change of dependencies: takes from package-lock.json what the optional packages say about the Node they need.
// npm leaves an optional package out without a word where its own Node does not fit, and npm may run on Debian 12's Node 18;
// what it installs runs on the Node 24 that it also installs.

import { readFile, writeFile } from 'node:fs/promises';

interface LockedPackage {
  optional?: boolean;
  engines?: unknown;
}

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(await readFile(path, 'utf8')) as { readonly packages: Record<string, LockedPackage> };
let trimmed = 0;
for (const entry of Object.values(lock.packages)) {
  if (entry.optional !== true || entry.engines === undefined) continue;
  delete entry.engines;
  trimmed += 1;
}
await writeFile(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${trimmed} trimmed`);
