import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { JobSpec } from '../../src/contracts/job-spec.js';
import { decideEndAbandonedCancel, decideRequestCancel } from '../../src/jobs/decisions/cancel.js';
import { decideClaim } from '../../src/jobs/decisions/claim.js';
import { type Decision, type JobState, jobError, leaseIsLive } from '../../src/jobs/decisions/decision.js';
import {
  decideConfirmCancel,
  decideFailAttempt,
  decideFinishJob,
  decideFinishStep,
  decideGiveBack,
} from '../../src/jobs/decisions/end-attempt.js';
import { decideHeartbeat, decideProgress } from '../../src/jobs/decisions/heartbeat.js';
import { MAX_CRASHES, MAX_LOSSES } from '../../src/jobs/limits.js';
import { isDone, JOB_ACTIONS, nextStatus } from '../../src/jobs/state-machine.js';
import { ServiceError } from '../../src/platform/errors.js';
import { STAGE } from './fixtures.js';

const LEASE_MS = 1000;
const TIMEOUT_SECONDS = 100;

function newJob(steps: number): JobState {
  const step = { type: 'quantize', scheme: 'int8_dynamic' } as const;
  const spec = JobSpec.parse({
    model: `mdl_${'0'.repeat(26)}`,
    steps: Array(steps).fill(step),
    timeout_seconds: TIMEOUT_SECONDS,
  });
  const waiting = { ...step, attempt: 0, started_at: null, finished_at: null };
  return {
    status: 'queued',
    spec,
    steps: spec.steps.map((_, index) => ({ ...waiting, status: index === 0 ? 'queued' : 'pending' })),
    step: 0,
    attempt: 0,
    crashes: 0,
    losses: 0,
    cancel_requested_at: null,
    lease_owner: null,
    lease_expires_at: null,
    progress: null,
    error: null,
    verdict: null,
    report: null,
    report_summary: null,
    stages: [],
    engine_seconds: 0,
    started_at: null,
    finished_at: null,
  };
}

/** The world around one job: a clock, and workers that each remember the attempt that they believe to hold. */
interface World {
  job: JobState;
  now: number;
  readonly believed: (number | null)[];
  readonly events: string[];
  /** The attempts that published something final. */
  readonly published: number[];
}
interface Command {
  readonly name: string;
  readonly worker: number;
  readonly amount: number;
}

const WORKERS = 3;
const PROGRESS = { phase: 'p', fraction: 0, eta_seconds: null, metrics: {} };
const FINISHED = { stage: STAGE, report: null, summary: null, error: null };

/** What each command decides; the worker's belief stands for its attempt. */
const COMMANDS: Record<string, (world: World, command: Command, attempt: number, now: Date) => Decision<unknown>> = {
  claim: ({ job }, { worker }, _attempt, now) =>
    decideClaim(job, { step: job.step, owner: `w${worker}`, leaseMs: LEASE_MS }, now),
  claim_old_step: ({ job }, { worker }, _attempt, now) =>
    decideClaim(job, { step: job.step - 1, owner: `w${worker}`, leaseMs: LEASE_MS }, now),
  heartbeat: ({ job }, { amount }, attempt, now) =>
    decideHeartbeat(job, { attempt, leaseMs: LEASE_MS, engineSeconds: job.engine_seconds + amount }, now),
  progress: ({ job }, _command, attempt) => decideProgress(job, attempt, PROGRESS),
  finish: ({ job }, { amount }, attempt, now) => {
    const engineSeconds = job.engine_seconds + amount;
    return job.step + 1 < job.steps.length
      ? decideFinishStep(job, { attempt, engineSeconds, stage: STAGE }, now)
      : decideFinishJob(job, { attempt, engineSeconds, ...FINISHED }, now);
  },
  crash: ({ job }, _command, attempt, now) =>
    decideFailAttempt(job, { attempt, engineSeconds: 0, kind: 'crash', error: jobError('runtime_crash', '') }, now),
  refuse: ({ job }, _command, attempt, now) =>
    decideFailAttempt(job, { attempt, engineSeconds: 0, kind: 'deterministic', error: jobError('timeout', '') }, now),
  give_back: ({ job }, _command, attempt, now) => decideGiveBack(job, { attempt, engineSeconds: 0 }, now),
  confirm_cancel: ({ job }, _command, attempt, now) => decideConfirmCancel(job, { attempt, engineSeconds: 0 }, now),
  cancel: ({ job }, _command, _attempt, now) => decideRequestCancel(job, now),
  reconcile: ({ job }, _command, _attempt, now) => decideEndAbandonedCancel(job, now),
};

function run(world: World, command: Command): void {
  // Time passes in steps that sometimes outlive a lease.
  world.now += command.amount * 100;
  const now = new Date(world.now);
  const believed = world.believed[command.worker] ?? null;
  const before = world.job;
  let decision: Decision<unknown>;
  try {
    const decide = COMMANDS[command.name] ?? assert.fail(command.name);
    decision = decide(world, command, believed ?? -1, now);
  } catch (error) {
    assert.ok(error instanceof ServiceError && error.code === 'already_finished', String(error));
    assert.ok(before.status === 'succeeded' || before.status === 'failed');
    return;
  }
  const { outcome, change, events = [] } = decision;
  if (change === undefined) assert.equal(events.length, 0, 'events without a change');
  const after = { ...before, ...change };
  check(
    before,
    after,
    events.map(({ type }) => type),
    now,
  );
  if (outcome === 'claimed') world.believed[command.worker] = after.attempt;
  if (outcome === 'published') {
    assert.equal(believed, before.attempt, 'only the newest attempt publishes');
    assert.equal(before.status, 'running', 'nothing is published after a cancel');
    world.published.push(before.step);
  }
  world.job = after;
  world.events.push(...events.map(({ type }) => type));
}

/** What every single transition keeps, whatever came before. */
function check(before: JobState, after: JobState, events: readonly string[], now: Date): void {
  if (isDone(before.status)) {
    assert.deepEqual(after, before, 'terminal is final');
    return;
  }
  const reachable = new Set([before.status]);
  for (let hop = 0; hop < 2; hop++) {
    for (const status of [...reachable]) {
      for (const action of JOB_ACTIONS) reachable.add(nextStatus(status, action) ?? status);
    }
  }
  assert.ok(reachable.has(after.status), `${before.status} → ${after.status}`);
  if (before.status === 'cancelling') assert.ok(['cancelling', 'cancelled'].includes(after.status));
  assert.ok(after.attempt === before.attempt || after.attempt === before.attempt + 1, 'attempts count up by one');
  if (after.attempt !== before.attempt) assert.ok(!leaseIsLive(before, now), 'a live worker is not disturbed');
  assert.ok(after.engine_seconds >= before.engine_seconds, 'engine time never goes back');
  assert.ok(after.crashes <= MAX_CRASHES + 1 && after.losses <= MAX_LOSSES + 1);
  assert.equal(isDone(after.status), after.finished_at !== null);
  assert.equal(
    events.filter((type) => ['job.succeeded', 'job.failed', 'job.cancelled'].includes(type)).length,
    isDone(after.status) ? 1 : 0,
    'the terminal event comes with the terminal status',
  );
  assert.equal(after.status === 'failed', after.error !== null);
  if (isDone(after.status)) {
    assert.equal(after.lease_owner, null);
    assert.ok(after.steps.every(({ status }) => ['succeeded', 'failed', 'cancelled'].includes(status)));
  } else {
    assert.ok(after.steps.slice(0, after.step).every(({ status }) => status === 'succeeded'));
    assert.ok(after.steps.slice(after.step + 1).every(({ status }) => status === 'pending'));
    assert.equal(after.steps[after.step]?.status, after.lease_owner === null ? 'queued' : 'running');
  }
}

const commands = fc.array(
  fc.record({
    // Weighted towards what workers do most.
    name: fc.oneof(
      { weight: 4, arbitrary: fc.constant('claim') },
      { weight: 3, arbitrary: fc.constantFrom('heartbeat', 'finish', 'crash') },
      { weight: 2, arbitrary: fc.constantFrom(...Object.keys(COMMANDS)) },
    ),
    worker: fc.nat({ max: WORKERS - 1 }),
    amount: fc.nat({ max: 15 }),
  }),
  { maxLength: 60 },
);

describe('decisions about a job', () => {
  it('keep every invariant under any interleaving of workers, clients and lost workers', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3 }), commands, (steps, sequence) => {
        const world: World = {
          job: newJob(steps),
          now: 0,
          believed: Array(WORKERS).fill(null),
          events: [],
          published: [],
        };
        for (const command of sequence) run(world, command);
        assert.deepEqual(world.published, [...new Set(world.published)], 'a step is published once');
        if (world.job.status === 'succeeded') assert.equal(world.job.stages.length, steps);
      }),
      { numRuns: 500 },
    );
  });

  it('let every job end, whatever happened to it', () => {
    fc.assert(
      fc.property(commands, fc.boolean(), (sequence, cancelled) => {
        const world: World = { job: newJob(2), now: 0, believed: Array(WORKERS).fill(null), events: [], published: [] };
        for (const command of sequence) run(world, command);
        const after = (name: string) => run(world, { name, worker: 0, amount: 0 });
        world.now += 10 * LEASE_MS;
        if (cancelled && !isDone(world.job.status)) after('cancel');
        for (let step = 0; step < 2; step++) {
          after('claim');
          after('finish');
        }
        assert.ok(isDone(world.job.status), world.job.status);
      }),
      { numRuns: 300 },
    );
  });
});
