import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ServiceError } from '../../src/platform/errors.js';
import { failureOf } from '../../workers/failure.js';
import { causeOfDeath } from '../../workers/supervisor/death.js';

const SECRET = '/opt/onnxruntime/session.cc:1234 secret text of a library';

describe('an error of the engine, as the client sees it', () => {
  const cases: [string, unknown, string][] = [
    ['an error of the catalogue keeps its code', new ServiceError('unknown_node', 'no node a'), 'unknown_node'],
    ['whatever a library throws has one name', new Error(SECRET), 'internal_error'],
    ['what is not even an error too', SECRET, 'internal_error'],
    ['a failed allocation in C++', new Error('std::bad_alloc'), 'memory_limit_exceeded'],
    ['a failed allocation in JavaScript', new RangeError('Array buffer allocation failed'), 'memory_limit_exceeded'],
    [
      'a failed allocation behind an error of ours',
      new ServiceError('model_run_failed', 'no', {
        cause: new Error('Failed to allocate memory for requested buffer'),
      }),
      'memory_limit_exceeded',
    ],
    ['a full disk', Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' }), 'no_space'],
  ];
  for (const [name, thrown, code] of cases) {
    test(name, () => {
      const error = failureOf(thrown, 'calibrating');
      assert.equal(error.code, code);
      assert.equal(error.phase, 'calibrating');
      assert.doesNotMatch(JSON.stringify(error), /secret|\.cc|alloc/);
    });
  }

  test('node and hint of an error of the catalogue reach the client', () => {
    const node = { name: 'Conv_1', op_type: 'Conv' };
    const error = failureOf(new ServiceError('model_run_failed', 'it failed', { node, hint: 'try' }), 'calibrating');
    assert.deepEqual(error, {
      code: 'model_run_failed',
      title: 'ONNX Runtime cannot run the model on these inputs',
      detail: 'it failed',
      retryable: false,
      phase: 'calibrating',
      node,
      hint: 'try',
    });
  });
});

describe('the cause of a death', () => {
  const cases: [string, Parameters<typeof causeOfDeath>[0], string, boolean][] = [
    ['a segmentation fault', { exitCode: null, signal: 'SIGSEGV', lastWords: '', phase: 'p' }, 'runtime_crash', true],
    ['an exit without a word', { exitCode: 1, signal: null, lastWords: SECRET, phase: 'p' }, 'runtime_crash', true],
    [
      'an allocation that the C++ library could not throw any further',
      { exitCode: null, signal: 'SIGABRT', lastWords: "terminate called after 'std::bad_alloc'", phase: 'p' },
      'memory_limit_exceeded',
      false,
    ],
    [
      'a full JavaScript heap',
      { exitCode: null, signal: 'SIGABRT', lastWords: 'FATAL ERROR: JavaScript heap out of memory', phase: 'p' },
      'memory_limit_exceeded',
      false,
    ],
  ];
  for (const [name, death, code, crash] of cases) {
    test(name, () => {
      const found = causeOfDeath(death);
      assert.equal(found.error.code, code);
      assert.equal(found.crash, crash);
      assert.doesNotMatch(JSON.stringify(found.error), /secret|alloc/);
    });
  }
});
