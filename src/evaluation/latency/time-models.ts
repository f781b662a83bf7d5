import { BlockTimes } from './block-times.js';

/** Runs before the clock counts: first runs allocate, and pages and branch predictors are cold. Of a long run, that is a small part. */
const WARM_UP_RUNS = { short: 5, long: 2 } as const;
/** Fewest alternating blocks: fewer give a bootstrap over blocks too little to draw from. */
export const MIN_BLOCKS = 40;
/** More blocks than this add switching between models and no precision. */
const MAX_BLOCKS = 200;
/** Runs of one block when there are enough to choose: short blocks alternate often, so drift of the machine hits all models alike. */
const RUNS_PER_BLOCK = 5;
/** Milliseconds that timing may take for all models together; slow models get fewer runs, never fewer blocks. */
export const TIMING_BUDGET_MS = 60_000;
/** Milliseconds above which a run is so long that the model's caches are warm after the first instant of it. */
const LONG_RUN_MS = 50;

export interface TimedModels<Name extends string> {
  readonly times: Readonly<Record<Name, BlockTimes>>;
  /** Timed runs of each model; fewer than asked when the models are slow. */
  readonly runs: number;
}

/** Blocks for so many runs of each model. */
export const blocksFor = (runs: number): number =>
  Math.min(MAX_BLOCKS, Math.max(MIN_BLOCKS, Math.floor(runs / RUNS_PER_BLOCK)));

/**
 * Times models that alternate in blocks of one process. The order rotates from block to block, and a block starts with one untimed run
 * that brings the model's weights back into the caches.
 * @param task.models one run of each, by name.
 * @param task.runs timed runs wanted of each model.
 * @param task.blocks how many blocks, where this is a round of several; else as many as the runs need.
 * @param task.fewestBlocks after these, the round ends with its milliseconds; default: all blocks.
 * @param task.now a monotonic clock in milliseconds.
 * @param task.budgetMs milliseconds that all models together may take, one run of each block apart.
 */
export async function timeModels<Name extends string>(task: {
  readonly models: Readonly<Record<Name, () => Promise<unknown>>>;
  readonly runs: number;
  readonly blocks?: number;
  readonly fewestBlocks?: number;
  readonly budgetMs?: number;
  now(): number;
  readonly signal: AbortSignal;
  progress(fraction: number): void;
}): Promise<TimedModels<Name>> {
  const names = Object.keys(task.models) as Name[];
  const timeOnce = async (name: Name): Promise<number> => {
    task.signal.throwIfAborted();
    const start = task.now();
    await task.models[name]();
    return task.now() - start;
  };

  const usual = new Map<Name, number>();
  for (const name of names) {
    const warmUp: number[] = [];
    do warmUp.push(await timeOnce(name));
    while (warmUp.length < (Math.min(...warmUp) < LONG_RUN_MS ? WARM_UP_RUNS.short : WARM_UP_RUNS.long));
    usual.set(name, Math.min(...warmUp));
  }

  const { blocks = blocksFor(task.runs) } = task;
  const round = [...usual.values()].reduce((sum, time) => sum + time, 0);
  const budgetMs = task.budgetMs ?? TIMING_BUDGET_MS;
  const affordable = Math.floor(budgetMs / (round * blocks));
  const perBlock = Math.max(1, Math.min(Math.ceil(task.runs / blocks), affordable));

  const taken = Object.fromEntries(names.map((name) => [name, [] as number[][]])) as Record<Name, number[][]>;
  const began = task.now();
  let done = 0;
  const over = () => done >= (task.fewestBlocks ?? blocks) && task.now() - began > budgetMs;
  for (; done < blocks && !over(); done++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(done + turn) % names.length] as Name;
      if ((usual.get(name) ?? 0) < LONG_RUN_MS) await timeOnce(name);
      const times: number[] = [];
      for (let run = 0; run < perBlock; run++) times.push(await timeOnce(name));
      taken[name].push(times);
    }
    task.progress((done + 1) / blocks);
  }
  const times = Object.fromEntries(names.map((name) => [name, new BlockTimes(taken[name])])) as Record<
    Name,
    BlockTimes
  >;
  return { times, runs: perBlock * done };
}
