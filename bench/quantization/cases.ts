import type { z } from 'zod';
import type { DatasetManifest } from '../../src/contracts/dataset.js';
import type { MetricName } from '../../src/contracts/job-spec.js';

type Range = readonly [from: number, to: number];
interface Subset {
  readonly calibration: Range;
  readonly selection: Range;
}

/** What a case has to reach; the speed-up by the lower end of its interval. */
export interface Bar {
  readonly speedup: number;
  /** How good the result must be; without it, no worse than FP32 as far as the paired interval can tell. */
  readonly metric?: { readonly atLeast: number } | { readonly atMost: number };
  readonly size?: number;
}

/** A model, its samples and what is asked of it. */
export interface BenchCase {
  readonly title: string;
  readonly model: string;
  readonly data: string;
  readonly arrays: z.input<typeof DatasetManifest>['arrays'];
  readonly metric: MetricName;
  /** The first subset is what the peers calibrate on too; evaluation takes what a subset leaves. */
  readonly subsets: readonly [Subset, ...Subset[]];
  readonly evaluation: number;
  /** The search may make a model for the dataset's shapes alone. */
  readonly pinShapes?: boolean;
  /** Recordings in playing order, whose state is fed back. */
  readonly sequences?: string;
  /** Null for a case that nobody has set a bar for. */
  readonly bar: Bar | null;
}

const PIXELS = { scale: 1 / 127.5, offset: -1 };
const IMAGENET_MEAN = [0.485, 0.456, 0.406];
const IMAGENET_DEVIATION = [0.229, 0.224, 0.225];
const IMAGENET = {
  scale: IMAGENET_DEVIATION.map((deviation) => 1 / 255 / deviation),
  offset: IMAGENET_MEAN.map((mean, channel) => -mean / (IMAGENET_DEVIATION[channel] ?? 1)),
};
const CLOTHING: Pick<BenchCase, 'data' | 'arrays' | 'metric' | 'subsets' | 'evaluation'> = {
  data: 'fashion-mnist-test.npz',
  arrays: { x: { scale: 1 / 255 / 0.353, offset: -0.286 / 0.353 } },
  metric: 'top1',
  subsets: [{ calibration: [0, 256], selection: [256, 756] }],
  evaluation: 2000,
};

/** The eight cases with bars, and two more, so that nothing is tuned to eight. */
export const CASES: Readonly<Record<string, BenchCase>> = {
  cls: {
    title: 'PP-OCR cls',
    model: 'ch_ppocr_mobile_v2.0_cls_infer.onnx',
    data: 'ocr-orientation.npz',
    arrays: { x: PIXELS },
    metric: 'top1',
    subsets: [{ calibration: [0, 200], selection: [200, 300] }],
    evaluation: 300,
    bar: { speedup: 1.5 },
  },
  rec: {
    title: 'PP-OCRv4 rec',
    model: 'ch_PP-OCRv4_rec_infer.onnx',
    data: 'words.npz',
    arrays: { x: PIXELS },
    metric: 'ctc',
    subsets: [
      { calibration: [0, 60], selection: [60, 90] },
      { calibration: [50, 100], selection: [100, 130] },
      { calibration: [100, 150], selection: [150, 180] },
      { calibration: [150, 200], selection: [0, 30] },
    ],
    evaluation: 120,
    bar: { speedup: 2.2, metric: { atLeast: 0.99 } },
  },
  det: {
    title: 'PP-OCRv4 det',
    model: 'ch_PP-OCRv4_det_infer.onnx',
    data: 'ocr-pages.npz',
    arrays: { x: IMAGENET },
    metric: 'iou',
    subsets: [{ calibration: [0, 30], selection: [30, 40] }],
    evaluation: 20,
    bar: { speedup: 1.9, metric: { atLeast: 0.985 } },
  },
  silero: {
    title: 'Silero VAD',
    model: 'silero_vad_16k_op15.onnx',
    data: 'speech-windows.npz',
    arrays: {},
    metric: 'mae',
    subsets: [{ calibration: [0, 200], selection: [200, 300] }],
    evaluation: 300,
    pinShapes: true,
    sequences: 'speech-sequences.npz',
    bar: { speedup: 1.4, metric: { atMost: 0.01 } },
  },
  resnet: { title: 'ResNet-20', model: 'resnet.onnx', ...CLOTHING, bar: { speedup: 2.15 } },
  mobilenet: { title: 'MobileNetV3-like', model: 'mobilenet.onnx', ...CLOTHING, bar: { speedup: 1.03 } },
  vit: { title: 'ViT', model: 'vit.onnx', ...CLOTHING, bar: { speedup: 1.85 } },
  minilm: {
    title: 'MiniLM-L6',
    model: 'minilm-spam.onnx',
    data: 'mail.npz',
    arrays: {},
    metric: 'top1',
    subsets: [{ calibration: [0, 200], selection: [200, 400] }],
    evaluation: 600,
    bar: { speedup: 2.5, metric: { atLeast: 0.94 }, size: 0.26 },
  },
  efficientnet: {
    title: 'EfficientNet-Lite0, 224x224',
    model: 'efficientnet-lite0.onnx',
    data: 'photos-224.npz',
    arrays: { x: { scale: 1 / 128, offset: -127 / 128 } },
    metric: 'agreement',
    subsets: [{ calibration: [0, 80], selection: [80, 130] }],
    evaluation: 150,
    bar: null,
  },
  yolo: {
    title: 'YOLOv8n detector, 320x320',
    model: '320n.onnx',
    data: 'photos-320.npz',
    arrays: { x: { input: 'images', scale: 1 / 255 } },
    metric: 'cosine',
    subsets: [{ calibration: [0, 40], selection: [40, 60] }],
    evaluation: 80,
    bar: null,
  },
};
