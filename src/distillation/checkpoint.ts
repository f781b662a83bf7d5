import { createHash } from 'node:crypto';
import { z } from 'zod';
import { floatsOf, type TrainingState } from './training-state.js';

/**
 * A checkpoint file: magic, length of the header (uint32), header (JSON), float32 arrays in the header's order, SHA-256 of all before.
 * Numbers are little-endian.
 */
const MAGIC = Buffer.from('MPCKPT01');
const LENGTH_BYTES = 4;
const HASH_BYTES = 32;

const Header = z.strictObject({
  /** Names what is being trained on what; a checkpoint of anything else is not taken. */
  run: z.string(),
  epoch: z.int(),
  batch: z.int(),
  loss_sum: z.number(),
  steps: z.int(),
  best: z.strictObject({ epoch: z.int(), heldOut: z.number() }).nullable(),
  history: z.array(z.strictObject({ epoch: z.int(), loss: z.number(), heldOut: z.number() })),
  arrays: z.array(z.tuple([z.string(), z.int()])),
});

/** Every array of a state by a name of its own, in a fixed order. */
function arraysOf(state: TrainingState): Map<string, Float32Array> {
  const groups = {
    weight: [...state.weights].map(([name, tensor]): [string, Float32Array] => [name, floatsOf(tensor)]),
    optimizer: [...state.optimizer.state],
    average: [...(state.average ?? [])],
    best: [...(state.best?.weights ?? [])],
  };
  return new Map(
    Object.entries(groups).flatMap(([group, arrays]) =>
      arrays.map(([name, values]): [string, Float32Array] => [`${group}:${name}`, values]),
    ),
  );
}

const sha256 = (parts: readonly Uint8Array[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();

/** The state as bytes. Equal states give equal bytes. */
export function encodeCheckpoint(state: TrainingState, run: string): Uint8Array {
  const arrays = arraysOf(state);
  const { epoch, batch, best, history } = state;
  const header = Buffer.from(
    JSON.stringify({
      run,
      epoch,
      batch,
      loss_sum: state.lossSum,
      steps: state.optimizer.steps,
      best: best && { epoch: best.epoch, heldOut: best.heldOut },
      history,
      arrays: [...arrays].map(([name, { length }]) => [name, length]),
    } satisfies z.input<typeof Header>),
  );
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32LE(header.length);
  const data = [...arrays.values()].map(
    (values) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  );
  const parts = [MAGIC, length, header, ...data];
  return Buffer.concat([...parts, sha256(parts)]);
}

/**
 * Puts a checkpoint back into the fresh state of the same run.
 * @returns false, with the state as it was, when the bytes are damaged or belong to another run
 */
export function restoreCheckpoint(bytes: Uint8Array, state: TrainingState, run: string): boolean {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerStart = MAGIC.length + LENGTH_BYTES;
  const end = content.length - HASH_BYTES;
  if (end < headerStart || !content.subarray(0, MAGIC.length).equals(MAGIC)) return false;
  if (!sha256([content.subarray(0, end)]).equals(content.subarray(end))) return false;
  // What carries its own hash was written by encodeCheckpoint.
  const headerEnd = headerStart + content.readUInt32LE(MAGIC.length);
  const header = Header.parse(JSON.parse(content.toString('utf8', headerStart, headerEnd)));
  if (header.run !== run) return false;

  const stored = new Map<string, Float32Array>();
  let at = headerEnd;
  for (const [name, length] of header.arrays) {
    const size = length * Float32Array.BYTES_PER_ELEMENT;
    stored.set(name, new Float32Array(Uint8Array.from(content.subarray(at, at + size)).buffer));
    at += size;
  }
  for (const [name, values] of arraysOf(state)) values.set(stored.get(name) ?? []);
  const best = [...stored].filter(([name]) => name.startsWith('best:'));
  state.best = header.best && {
    ...header.best,
    weights: new Map(best.map(([name, values]) => [name.slice('best:'.length), values])),
  };
  state.epoch = header.epoch;
  state.batch = header.batch;
  state.lossSum = header.loss_sum;
  state.history = header.history;
  state.optimizer.steps = header.steps;
  return true;
}
