import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { JOB_STATUSES, type JobStatus, TERMINAL_STATUSES } from '../../src/contracts/job.js';
import {
  isDone,
  JOB_ACTIONS,
  type JobAction,
  nextStatus,
  statusAfterCancelRequest,
  statusesThatAllow,
} from '../../src/jobs/state-machine.js';
import { ServiceError } from '../../src/platform/errors.js';

const actions = fc.array(fc.constantFrom(...JOB_ACTIONS), { maxLength: 40 });

/** What a job goes through when those of `wanted` that can happen do happen, in order. */
function walk(wanted: readonly JobAction[]): JobStatus[] {
  const path: JobStatus[] = ['queued'];
  for (const action of wanted) {
    const next = nextStatus(path.at(-1) ?? 'queued', action);
    if (next !== null) path.push(next);
  }
  return path;
}

/** Where actions lead from a status, as the design draws it; independent of the table in the source. */
const DRAWN: [JobStatus, JobAction, JobStatus][] = [
  ['queued', 'claim', 'running'],
  ['queued', 'request_cancel', 'cancelled'],
  ['running', 'claim', 'running'],
  ['running', 'advance', 'running'],
  ['running', 'interrupt', 'running'],
  ['running', 'succeed', 'succeeded'],
  ['running', 'fail', 'failed'],
  ['running', 'request_cancel', 'cancelling'],
  ['cancelling', 'request_cancel', 'cancelling'],
  ['cancelling', 'confirm_cancel', 'cancelled'],
  ['cancelled', 'request_cancel', 'cancelled'],
];

describe('the state machine of a job', () => {
  it('is the one that the design draws, and nothing more', () => {
    const table = JOB_STATUSES.flatMap((status) =>
      JOB_ACTIONS.flatMap((action) => {
        const next = nextStatus(status, action);
        return next === null ? [] : [[status, action, next].join(' ')];
      }),
    );
    assert.deepEqual(table.sort(), DRAWN.map((row) => row.join(' ')).sort());
  });

  it('never leaves a terminal status', () => {
    fc.assert(
      fc.property(actions, (wanted) => {
        const path = walk(wanted);
        const end = path.findIndex(isDone);
        if (end >= 0) assert.ok(path.slice(end).every((status) => status === path[end]));
      }),
    );
  });

  it('publishes nothing once a cancel was accepted', () => {
    fc.assert(
      fc.property(actions, actions, (before, after) => {
        const path = walk(before);
        const last = path.at(-1) ?? 'queued';
        fc.pre(!isDone(last));
        assert.notEqual(nextStatus(last, 'request_cancel'), null, `${last} can be cancelled`);
        const end = walk([...before, 'request_cancel', ...after, 'confirm_cancel']).at(-1);
        assert.equal(end, 'cancelled');
      }),
    );
  });

  it('leads every job to an end from wherever it is', () => {
    fc.assert(
      fc.property(actions, (wanted) => {
        const end = walk([...wanted, 'claim', 'succeed', 'confirm_cancel']).at(-1) ?? 'queued';
        assert.ok(isDone(end), end);
      }),
    );
  });

  it('calls exactly the contract’s terminal statuses done', () => {
    assert.deepEqual(JOB_STATUSES.filter(isDone), [...TERMINAL_STATUSES]);
  });

  it('names the statuses of a compare-and-set', () => {
    assert.deepEqual(statusesThatAllow('succeed'), ['running']);
    assert.deepEqual(statusesThatAllow('claim'), ['queued', 'running']);
  });

  for (const status of ['succeeded', 'failed'] as const) {
    it(`refuses to cancel a job that has ${status}`, () => {
      assert.throws(
        () => statusAfterCancelRequest(status),
        (error) => error instanceof ServiceError && error.code === 'already_finished',
      );
    });
  }
  it('takes a second cancel as already done', () => {
    assert.equal(statusAfterCancelRequest('cancelled'), 'cancelled');
    assert.equal(statusAfterCancelRequest('cancelling'), 'cancelling');
  });
});
