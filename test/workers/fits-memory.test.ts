import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EngineTask, ModelFiles } from '../../workers/protocol.js';
import { refuseBeyondMemory } from '../../workers/steps/fits-memory.js';

const MIB = 1024 ** 2;
const model = (bytes: number, external: readonly number[] = []): ModelFiles => ({
  ...{ path: 'model.onnx', bytes, sha256: '' },
  external: external.map((size, index) => ({ location: `w${index}`, path: `w${index}`, bytes: size })),
});
const task = (original: ModelFiles, input: ModelFiles, memory: number) =>
  ({ original, input, memory_bytes: memory }) as EngineTask;

describe('a model that cannot fit into the memory of an engine', () => {
  const small = model(MIB);
  const external = model(MIB, [999 * MIB, 1200 * MIB]);

  test('is refused in words, with what it takes and what there is', () => {
    assert.throws(() => refuseBeyondMemory(task(external, external, 4096 * MIB)), {
      code: 'memory_limit_exceeded',
      message: /take 4400 MiB .* may use 4096\./,
    });
  });

  test('is told by the larger of what was uploaded and what the step before gave', () => {
    assert.throws(() => refuseBeyondMemory(task(external, small, 4096 * MIB)), { code: 'memory_limit_exceeded' });
    assert.throws(() => refuseBeyondMemory(task(small, external, 4096 * MIB)), { code: 'memory_limit_exceeded' });
  });

  test('others are not', () => {
    refuseBeyondMemory(task(external, external, 4400 * MIB));
    refuseBeyondMemory(task(small, small, 256 * MIB));
  });
});
