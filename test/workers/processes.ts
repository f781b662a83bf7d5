import { spawnSync } from 'node:child_process';

interface ProcessEntry {
  readonly pid: number;
  /** As ps says it: T is stopped. */
  readonly state: string;
  readonly arguments: string;
}

/** Every process that runs; one that is dead but not yet waited for does not. */
function processes(): ProcessEntry[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,stat=,args='], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, state, args] = /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return state === undefined || state.startsWith('Z') ? [] : [{ pid: Number(pid), state, arguments: args ?? '' }];
  });
}

export const isAlive = (pid: number): boolean => processes().some((entry) => entry.pid === pid);

/** The engines whose scratch folder lies below a folder, and the job that each works for. */
export const runningEngines = (folder: string): { readonly pid: number; readonly job: string }[] =>
  processes().flatMap(({ pid, arguments: args }) => {
    const [, job] = /\/(job_\w+)-\d+( |$)/.exec(args) ?? [];
    return job !== undefined && args.includes(`${folder}/`) ? [{ pid, job }] : [];
  });

export const enginesBelow = (folder: string): number[] => runningEngines(folder).map(({ pid }) => pid);

/** The engines of one job. */
export const enginesOf = (folder: string, wanted: string): number[] =>
  runningEngines(folder)
    .filter(({ job }) => job === wanted)
    .map(({ pid }) => pid);

/** Whether a process has been stopped by a signal. */
export const isStopped = (pid: number): boolean =>
  processes().some((entry) => entry.pid === pid && entry.state.startsWith('T'));
