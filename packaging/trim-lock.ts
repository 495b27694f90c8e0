// `npm run lock`, after a change of dependencies: takes two things from package-lock.json. What the optional packages say about the
// Node they need: npm leaves one out without a word where its own Node does not fit, and npm may run on Debian 12's Node 18; what
// it installs runs on the Node 24 that it also installs. And optional dependencies for which the lock holds no package (other
// systems' binaries that a registry does not carry): npm 11 refuses a lock that names them.

import { readFile, writeFile } from 'node:fs/promises';

interface LockedPackage {
  optional?: boolean;
  engines?: unknown;
  optionalDependencies?: Record<string, string>;
}

const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(await readFile(path, 'utf8')) as { readonly packages: Record<string, LockedPackage> };
let trimmed = 0;
for (const [place, entry] of Object.entries(lock.packages)) {
  for (const name of Object.keys(place === '' ? {} : (entry.optionalDependencies ?? {}))) {
    if (`node_modules/${name}` in lock.packages || `${place}/node_modules/${name}` in lock.packages) continue;
    delete entry.optionalDependencies?.[name];
    trimmed += 1;
  }
  if (entry.optional !== true || entry.engines === undefined) continue;
  delete entry.engines;
  trimmed += 1;
}
await writeFile(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`package-lock.json: ${trimmed} trimmed`);
