// `npm run soak -- kill [COUNT] [SEED]`: kill -9 of the agent at so many random instants (default 200), and a line that counts them.
// `npm run soak -- [MINUTES]`: the truth tables again and again, each round in a process of its own, for that long (default 10, at most
// 600). Finishes the round it is in, stops at the first round that fails, and ends with that round's exit code.

import { join } from 'node:path';
import { execa } from 'execa';

if (process.argv[2] === 'kill') {
  const { killAtRandom } = await import('./resilience/kill.ts');
  const [kills, seed] = [Number(process.argv[3] ?? 200), Number(process.argv[4] ?? Date.now() % 1_000_000)];
  if (!Number.isInteger(kills) || kills < 1 || !Number.isInteger(seed)) {
    console.error('usage: npm run soak -- kill [COUNT] [SEED]');
    process.exit(2);
  }
  console.log(`${kills} kills, seed ${seed}`);
  const progress = (kill: number) => {
    if (kill % 20 === 0) console.log(`${kill} of ${kills}`);
  };
  const outcome = await killAtRandom({ kills, seed, progress });
  for (const problem of outcome.problems) console.log(problem);
  const { changes, killedInAChange, problems, sent, lost } = outcome;
  console.log(
    `${kills} kills, ${killedInAChange} of them before the last change was acknowledged; ${changes} changes; ${problems.length} wrong tables or packets; ` +
      `${lost} of ${sent} datagrams lost where they are allowed`,
  );
  process.exit(problems.length === 0 && lost === 0 ? 0 : 1);
}

const most = 600;
const [given = '10', ...more] = process.argv.slice(2);
const minutes = Number(given);
if (more.length > 0 || !Number.isFinite(minutes) || minutes <= 0 || minutes > most) {
  console.error(`usage: npm run soak -- [MINUTES], more than 0 and at most ${most}`);
  process.exit(2);
}

const tables = join(import.meta.dirname, 'truth/run.ts');
const until = performance.now() + minutes * 60_000;
let rounds = 0;
let exitCode = 0;
while (exitCode === 0 && performance.now() < until) {
  rounds += 1;
  console.log(`round ${rounds}, ${Math.ceil((until - performance.now()) / 60_000)} min left`);
  const round = await execa(process.execPath, [tables], { stdio: 'inherit', reject: false });
  exitCode = round.exitCode ?? 1;
}
console.log(`${rounds} rounds, ${exitCode === 0 ? 'none failed' : 'the last one failed'}`);
process.exit(exitCode);
