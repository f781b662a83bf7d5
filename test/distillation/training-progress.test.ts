import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Training } from '../../src/contracts/distill-step.js';
import { trainingNotes } from '../../src/distillation/training-notes.js';
import { type DistillPhase, TrainingProgress } from '../../src/distillation/training-progress.js';

interface Told {
  readonly phase: DistillPhase;
  readonly fraction: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly left: number | undefined;
}

/** Steps of a run that take so many seconds each, the first one ten times as long, on a clock of our own. */
function trained(options: {
  run: 'distill' | 'baseline';
  baseline: boolean;
  steps: number;
  of: number;
  seconds: number;
}) {
  const { run, baseline, steps, of, seconds } = options;
  const told: Told[] = [];
  let clock = 5000;
  const progress = new TrainingProgress(
    {
      now: () => clock,
      progress: (phase, fraction, metrics, left) => told.push({ phase, fraction, metrics, left }),
      secondsLeft: (fraction) => 1000 * fraction - (clock - 5000) / 1000,
    },
    baseline,
  );
  const step = progress.of(run);
  for (let i = 1; i <= steps; i++) {
    clock += 1000 * seconds * (i === 1 ? 10 : 1);
    step(i / of, { step: i });
  }
  return { told, progress, last: told.at(-1) ?? assert.fail() };
}
const near = (found: number | undefined, wanted: number) =>
  assert.ok(found !== undefined && Math.abs(found - wanted) < 1e-6 * wanted, `${found}, expected ${wanted}`);

describe('the time of a training', () => {
  test('is told after a few steps, the first one not counted, the baseline behind included', () => {
    const { told, last, progress } = trained({ run: 'distill', baseline: true, steps: 20, of: 100, seconds: 2 });
    assert.deepEqual(
      told.slice(0, 5).map(({ left }) => left),
      Array(5).fill(undefined),
    );
    near(told[5]?.left, 2 * 94 + 2 * 100);
    near(last.left, 2 * 80 + 2 * 100);
    near(last.fraction, 0.1 + 0.9 * 0.1);
    assert.deepEqual(last.metrics, { step: 20 }, 'it fits');
    near(progress.fit?.needed, 2 * 94 + 2 * 100);
  });

  test('a baseline has nothing behind it, nor has a student without one', () => {
    near(trained({ run: 'baseline', baseline: true, steps: 20, of: 100, seconds: 2 }).last.left, 2 * 80);
    const alone = trained({ run: 'distill', baseline: false, steps: 20, of: 100, seconds: 2 }).last;
    near(alone.left, 2 * 80);
    near(alone.fraction, 0.1 + 0.9 * 0.2);
  });

  test('is no more than what is there, and what is missing is said while it runs and in the report', () => {
    const { last, progress } = trained({ run: 'distill', baseline: true, steps: 20, of: 1000, seconds: 2 });
    // 29 steps' time is gone of 1000 s.
    near(last.left, 1000 - 2 * 29);
    const [needed, there] = [2 * 994 + 2 * 1000, 1000 - 2 * 15];
    assert.deepEqual(last.metrics, { step: 20, seconds_missing: needed - there });
    const run = { batchSize: 64, microBatch: 64, stopped: 'timeout', labelled: null, indices: [] } as const;
    const [first, second] = trainingNotes(Training.parse({}), { ...run, fit: progress.fit });
    assert.match(first ?? '', new RegExp(`would take ${needed} s, and ${there} s were there`));
    assert.match(second ?? '', /stopped before its last epoch/);
    assert.deepEqual(trainingNotes(Training.parse({}), { ...run, stopped: 'finished', fit: null }), []);
  });

  test('the student may use half of it when a baseline follows', () => {
    const spent = (baseline: boolean) =>
      trained({ run: 'distill', baseline, steps: 300, of: 1000, seconds: 2 }).progress;
    assert.equal(spent(true).outOfTime('distill'), true);
    assert.equal(spent(true).outOfTime('baseline'), false);
    assert.equal(spent(false).outOfTime('distill'), false);
  });
});
