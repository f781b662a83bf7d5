import { setTimeout as sleep } from 'node:timers/promises';
import { runningEngines } from '../workers/processes.js';
import type { Fleet } from './fleet.js';

/** The time between two kills: from none at all to long enough that a few small jobs end. */
const MAX_GAP_MS = 1500;
/** More kills of a job's engines than this and the job rightly fails: crashes are counted. */
const ENGINE_KILLS_PER_JOB = 2;
/** Engines are shot at a little more often than the processes that start them. */
const ENGINE_SHARE = 0.6;
/** A killed process needs a while before engines run again; when the jobs have all ended, none ever will. */
const POLL_MS = 50;
const WAIT_FOR_ENGINE_MS = 15_000;

/** How often what was killed. */
export type Kills = Record<string, number>;

/**
 * Sends `count` SIGKILLs to engines and processes of a fleet, at instants and targets drawn from `random`. A killed process is
 * started again at once, so it is killed in the middle of starting too.
 */
export async function killAtRandom(fleet: Fleet, count: number, random: () => number): Promise<Kills> {
  const kills: Kills = {};
  const killedEngines = new Map<string, number>();
  const pick = <T>(items: readonly T[]): T | undefined => items[Math.floor(random() * items.length)];
  const targets = () =>
    runningEngines(fleet.dataDir).filter(({ job }) => (killedEngines.get(job) ?? 0) < ENGINE_KILLS_PER_JOB);

  for (let done = 0; done < count; ) {
    const wanted = random() < ENGINE_SHARE;
    for (let waited = 0; wanted && targets().length === 0 && waited < WAIT_FOR_ENGINE_MS; waited += POLL_MS)
      await sleep(POLL_MS);
    await sleep(random() * MAX_GAP_MS);
    const engine = wanted ? pick(targets()) : undefined;
    if (engine) {
      killedEngines.set(engine.job, (killedEngines.get(engine.job) ?? 0) + 1);
      if (!killed(engine.pid)) continue;
      kills.engine = (kills.engine ?? 0) + 1;
    } else {
      const target = pick(fleet.processes);
      if (!target) continue;
      await target.end('SIGKILL');
      target.start();
      kills[target.kind] = (kills[target.kind] ?? 0) + 1;
    }
    done++;
  }
  return kills;
}

/** Kills a process; false when it had ended by itself. */
function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}
