// `npm run soak -- RUN`, for what takes too long for every commit; the last line sums up, exit 1 if something was wrong.
//   truth [MINUTES]      the truth tables again and again (default 10, at most 600); a bare number means this
//   kill [COUNT] [SEED]  kill -9 of the agent at so many random instants of a stream of changes (default 200)
//   demo [TIMES]         the demo so many times (default 20), the second half of them with every core busy beside it twice over
//   changes [COUNT]      policy changes of every kind under traffic that is allowed and traffic that is not (default 1000)

import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

const usage = 'usage: npm run soak -- [truth] [MINUTES] | kill [COUNT] [SEED] | changes [COUNT] | demo [TIMES]';

/** Each gives its exit code, after its last line. */
const runs: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  truth: async ([given = '10']) => {
    const minutes = wanted(given, { most: 600 });
    const until = performance.now() + minutes * 60_000;
    let rounds = 0;
    let exitCode = 0;
    // Each round in a process of its own; the one under way is finished, and the first that fails is the last.
    while (exitCode === 0 && performance.now() < until) {
      rounds += 1;
      console.log(`round ${rounds}, ${Math.ceil((until - performance.now()) / 60_000)} min left`);
      const round = await execa(process.execPath, [join(import.meta.dirname, 'truth/run.ts')], {
        stdio: 'inherit',
        reject: false,
      });
      exitCode = round.exitCode ?? 1;
    }
    console.log(`${rounds} rounds, ${exitCode === 0 ? 'none failed' : 'the last one failed'}`);
    return exitCode;
  },
  kill: async ([count = '200', seed = String(Date.now() % 1_000_000)]) => {
    const { killAtRandom } = await import('./resilience/kill.ts');
    const kills = wanted(count, { most: 100_000 });
    console.log(`${kills} kills, seed ${wanted(seed, { most: Number.MAX_SAFE_INTEGER })}`);
    const progress = (kill: number) => {
      if (kill % 20 === 0) console.log(`${kill} of ${kills}`);
    };
    const { changes, killedInAChange, problems, sent, lost } = await killAtRandom({
      kills,
      seed: Number(seed),
      progress,
    });
    for (const problem of problems) console.log(problem);
    console.log(
      `${kills} kills, ${killedInAChange} of them before the last change was acknowledged; ${changes} changes; ${problems.length} wrong tables or packets; ` +
        `${lost} of ${sent} datagrams lost where they are allowed`,
    );
    return problems.length === 0 && lost === 0 ? 0 : 1;
  },
  demo: async ([count = '20']) => {
    const times = wanted(count, { most: 1000 });
    const alone = Math.ceil(times / 2);
    const busy: ChildProcess[] = [];
    const wrong: string[] = [];
    let matrices: string | undefined;
    try {
      for (let time = 1; time <= times; time += 1) {
        while (time > alone && busy.length < 2 * availableParallelism())
          busy.push(spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
        const demo = await execa(process.execPath, [join(import.meta.dirname, 'demo/demo.ts'), '--json'], {
          reject: false,
          all: true,
        });
        const took = `${(demo.durationMs / 1000).toFixed(0)} s${busy.length === 0 ? '' : `, beside ${busy.length} busy processes`}`;
        const shown = matricesIn(demo.stdout);
        matrices ??= shown;
        const isSame = shown === matrices;
        console.log(
          `demo ${time} of ${times}: exit ${demo.exitCode}, ${took}${isSame ? '' : ', other matrices than the first'}`,
        );
        if (demo.exitCode === 0 && isSame) continue;
        wrong.push(String(time));
        console.log(demo.all);
      }
    } finally {
      for (const child of busy) child.kill('SIGKILL');
    }
    console.log(`${times} demos, ${wrong.length === 0 ? 'none' : wrong.join(', ')} wrong`);
    return wrong.length === 0 ? 0 : 1;
  },
  changes: async ([count = '1000']) => {
    const { changeWithoutGap, gapFaults } = await import('./dataplane/change-without-gap.ts');
    const tally = await changeWithoutGap({ changes: wanted(count, { most: 100_000 }) });
    const faults = gapFaults(tally);
    for (const fault of faults) console.log(fault);
    const { changes, tookMs, epochs, denied, datagrams, exchanges } = tally;
    console.log(
      `${changes} changes in ${(tookMs / 1000).toFixed(0)} s, ${epochs.join(' and ')} of them with a new epoch; ${denied.passed} of ${denied.sent} denied packets passed; ` +
        `${datagrams.lost} of ${datagrams.sent} datagrams and ${exchanges.lost} of ${exchanges.sent} exchanges lost; longest exchange ${exchanges.longestMs.toFixed(0)} ms`,
    );
    return faults.length === 0 ? 0 : 1;
  },
};

/** The connectivity matrices that the demo printed, and what it said of each; not when. */
function matricesIn(said: string): string {
  let isInside = false;
  return said
    .split('\n')
    .filter((line) => {
      isInside = line.includes('from \\ to') || (isInside && !line.startsWith('['));
      return isInside || line.includes(' cells open, ');
    })
    .map((line) => line.replace(/^\[ *[\d.]+s\] /, ''))
    .join('\n');
}

function wanted(text: string, { most }: { readonly most: number }): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0 && value <= most) return value;
  console.error(`${text}: a number above 0 and at most ${most} is wanted\n${usage}`);
  process.exit(2);
}

const [first = 'truth', ...rest] = process.argv.slice(2);
const isMinutes = /^[\d.]+$/.test(first);
const run = runs[isMinutes ? 'truth' : first];
if (run === undefined || rest.length > 2) {
  console.error(usage);
  process.exit(2);
}
process.exit(await run(isMinutes ? [first] : rest));
