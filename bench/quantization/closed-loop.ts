import { mkdir } from 'node:fs/promises';
import { DatasetManifest } from '../../src/contracts/dataset.js';
import type { ValueSignature } from '../../src/contracts/signature.js';
import { inspectDataset } from '../../src/datasets/admission/inspect-dataset.js';
import { matchDataset } from '../../src/datasets/admission/match.js';
import { openSamples } from '../../src/datasets/open-samples.js';
import { type EvaluatedModel, withModels } from '../../src/evaluation/evaluated-model.js';
import { numbers } from '../../src/onnx/ir/numbers.js';
import { floats, int64s, type Tensor } from '../../src/onnx/ir/tensor.js';
import type { Session } from '../../src/runtime/session.js';

/** What the recordings hold, in playing order: windows of samples, and the recording that each belongs to. */
const ARRAYS: readonly ValueSignature[] = [
  { name: 'input', dtype: 'float32', shape: [null, 576] },
  { name: 'sequence', dtype: 'int64', shape: [null] },
];
const MANIFEST = DatasetManifest.parse({ arrays: { input: { scale: 1 / 32768 } } });
const STATE = [2, 1, 128];
const SAMPLE_RATE = 16_000;

export interface ClosedLoop {
  readonly error: number;
  readonly worst_recording: number;
  readonly windows: number;
  readonly recordings: number;
}

/** Silero's answers over recordings, its own state fed back: each starts from a state of zeros. */
async function* listen(session: Session, windows: AsyncIterable<{ input: Tensor; recording: number }>) {
  const [answer, nextState] = session.outputs.map(({ name }) => name);
  if (answer === undefined || nextState === undefined) throw new Error('the model gives an answer and a state');
  const silence = () => floats(new Float32Array(STATE.reduce((a, b) => a * b)), STATE);
  let state = silence();
  let current: number | null = null;
  for await (const { input, recording } of windows) {
    if (recording !== current) state = silence();
    current = recording;
    const values = await session.run(
      new Map([
        ['input', input],
        ['state', state],
        ['sr', int64s([SAMPLE_RATE], [])],
      ]),
    );
    state = values.get(nextState) as Tensor;
    yield { recording, value: Number(numbers(values.get(answer) as Tensor)[0]) };
  }
}

/**
 * Mean absolute difference of a recurrent model's answers from the original's over whole recordings, each living with its own state:
 * errors in the state add up, which shuffled windows hide.
 */
export async function closedLoop(
  original: EvaluatedModel,
  result: EvaluatedModel,
  path: string,
  scratch: string,
): Promise<ClosedLoop> {
  const signal = new AbortController().signal;
  const inspection = await inspectDataset(path, signal);
  await mkdir(scratch, { recursive: true });
  const samples = await openSamples(
    { path, inspection },
    matchDataset(ARRAYS, inspection, MANIFEST),
    ARRAYS,
    scratch,
    signal,
  );
  async function* windows() {
    for (let index = 0; index < samples.count; index++) {
      const feeds = await samples.feeds([index]);
      yield { input: feeds.get('input') as Tensor, recording: Number(numbers(feeds.get('sequence') as Tensor)[0]) };
    }
  }
  try {
    return await withModels([original, result], { threads: 1 }, async ([first, second]) => {
      if (!first || !second) throw new Error('two sessions were opened');
      const expected: number[] = [];
      for await (const { value } of listen(first, windows())) expected.push(value);
      const errors = new Map<number, number[]>();
      let index = 0;
      for await (const { recording, value } of listen(second, windows())) {
        const error = Math.abs(value - (expected[index++] ?? Number.NaN));
        errors.set(recording, [...(errors.get(recording) ?? []), error]);
      }
      const all = [...errors.values()];
      return {
        error: mean(all.flat()),
        worst_recording: Math.max(...all.map(mean)),
        windows: index,
        recordings: all.length,
      };
    });
  } finally {
    await samples.close();
  }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
