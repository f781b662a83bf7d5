import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DistillStep } from '../../src/contracts/distill-step.js';
import { distillModel } from '../../src/distillation/distill-model.js';
import { encodeModel } from '../../src/onnx/serde/encode-model.js';
import { seededRandom } from '../../src/platform/random.js';
import { TEMPLATES } from '../../src/templates/templates.js';
import { checkpointFiles } from '../../workers/steps/checkpoint-files.js';
import { arraySamples } from '../evaluation/array-samples.js';

/**
 * A process that distills in the folder of its first argument, with its checkpoints there, says each step in a line and leaves student and baseline in
 * result.bin. Started again after it was killed, it goes on.
 */
const [, , folder = ''] = process.argv;
const SIGNATURE = { input: { name: 'x', dims: [4] }, output: 'y', classes: 2 };
const random = seededRandom(2);
const rows = Array.from({ length: 80 }, () => Array.from({ length: 4 }, () => 2 * random() - 1));
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
const teacher = join(folder, 'teacher.onnx');
await writeFile(teacher, encodeModel(TEMPLATES.mlp(SIGNATURE, [12], seededRandom(5))));
// A clock that runs so fast that every step is due for a checkpoint.
let time = 0;

const { student, baseline } = await distillModel({
  teacher: { path: teacher, external: [] },
  student: TEMPLATES.mlp(SIGNATURE, [6], seededRandom(4)),
  pretrained: false,
  step: DistillStep.parse({
    type: 'distill',
    student: { template: 'mlp', widths: [6] },
    hints: [{ teacher: 'relu0', student: 'relu0', weight: 0.5 }],
    training: { epochs: 60, batch_size: 16, patience: null, ema: 0.9, augment: { noise: 0.1, mixup: 0.5 } },
  }),
  output: 'y',
  samples: arraySamples(rows, { labels: rows.map(([first = 0]) => [Number(first > 0)]) }),
  training: range(0, 64),
  selection: range(64, 80),
  labelled: true,
  checkpoints: checkpointFiles(folder, 0),
  threads: 1,
  seed: 3,
  scratch: folder,
  signal: new AbortController().signal,
  progress: (phase, _fraction, { step }) => step !== undefined && process.stdout.write(`${phase} ${step}\n`),
  now: () => (time += 20_000),
});
await writeFile(join(folder, 'result.bin'), Buffer.concat([encodeModel(student), encodeModel(baseline)]));
