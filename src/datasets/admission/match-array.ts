import type { ArrayInspection, ArrayManifest } from '../../contracts/dataset.js';
import type { FieldError } from '../../contracts/problem.js';
import type { Dimension, ElementType, ValueSignature } from '../../contracts/signature.js';
import { pointerSegment } from './manifest.js';

/** How one array feeds one model input. */
export interface ArrayMatch {
  readonly input: string;
  readonly array: string;
  /** Each sample is one whole input and is fed alone; otherwise samples are stacked on the input's first axis. */
  readonly alone: boolean;
  /** Dimensions of one sample, after the layout was changed; for `alone` the dimensions of the whole input. */
  readonly sample: readonly number[];
  readonly scale: number | readonly number[];
  readonly offset: number | readonly number[];
  readonly layout: ArrayManifest['layout'];
}

/** Input types that samples can be cast to, and what they take: any number, whole numbers, or truth values. */
const ACCEPTED: Partial<Readonly<Record<ElementType, 'numbers' | 'whole numbers' | 'truth values'>>> = {
  float16: 'numbers',
  float32: 'numbers',
  float64: 'numbers',
  int8: 'whole numbers',
  uint8: 'whole numbers',
  int16: 'whole numbers',
  uint16: 'whole numbers',
  int32: 'whole numbers',
  uint32: 'whole numbers',
  int64: 'whole numbers',
  uint64: 'whole numbers',
  bool: 'truth values',
};
const FLOATS: ReadonlySet<ElementType> = new Set(['float16', 'float32', 'float64']);

/** Exporters also write names that say nothing, such as `?` or `-1`, on any number of axes. */
const MEANINGFUL_NAME = /^[A-Za-z_]/;

const shown = (shape: readonly Dimension[]): string => `[${shape.map((size) => size ?? '?').join(', ')}]`;
const length = (value: number | readonly number[]): number | null => (typeof value === 'number' ? null : value.length);

/**
 * Whether one array fits one input. `symbols` holds the sizes that named dimensions have got so far, and by which array: a name has one size.
 */
export function matchArray(
  input: ValueSignature,
  array: ArrayInspection,
  settings: ArrayManifest,
  symbols: Map<string, { size: number; array: string }>,
): { match: ArrayMatch | null; errors: readonly FieldError[] } {
  const errors: FieldError[] = [];
  const name = pointerSegment(array.name);
  const data = `/dataset/arrays/${name}`;
  const manifest = `/dataset/manifest/arrays/${name}`;
  const report = (pointer: string, code: string, message: string, expected: string, received: string) => {
    errors.push({ pointer, code, message, expected, received });
  };
  const pair = `Array ${JSON.stringify(array.name)} and input ${JSON.stringify(input.name)}`;

  checkType(input, array, settings, (at, code, why, expected, received) =>
    report(at === 'dtype' ? `${data}/dtype` : `${manifest}/${at}`, code, `${pair}: ${why}.`, expected, received),
  );
  const raw = array.shape.slice(1);
  if (settings.layout === 'nhwc_to_nchw' && raw.length < 2) {
    report(
      `${manifest}/layout`,
      'layout_needs_axes',
      `${pair}: a sample has no channel axis to move.`,
      'samples of rank 2 or more',
      `rank ${raw.length}`,
    );
    return { match: null, errors };
  }
  const sample = settings.layout === 'nhwc_to_nchw' ? [...raw.slice(-1), ...raw.slice(0, -1)] : raw;
  const alone = input.shape !== null && sample.length === input.shape.length;
  if (input.shape !== null && !alone && sample.length + 1 !== input.shape.length) {
    const rank = input.shape.length;
    report(
      `${data}/shape`,
      'rank_mismatch',
      `${pair}: the input has shape ${shown(input.shape)}, the array ${shown(array.shape)}.`,
      `rank ${rank} (samples are stacked on the first axis) or ${rank + 1} (each sample is a whole input)`,
      `rank ${array.shape.length}`,
    );
    return { match: null, errors };
  }
  const expected = input.shape === null ? null : alone ? input.shape : input.shape.slice(1);
  checkSizes(expected ?? [], sample, array.name, symbols, (why) =>
    report(
      `${data}/shape`,
      'shape_mismatch',
      `${pair}: ${why}.`,
      `samples of shape ${shown(expected ?? [])}`,
      `samples of shape ${shown(sample)}`,
    ),
  );
  for (const field of ['scale', 'offset'] as const) {
    const given = length(settings[field]);
    const channels = sample[0];
    if (given !== null && given !== channels)
      report(
        `${manifest}/${field}`,
        'channel_mismatch',
        `${pair}: ${field} has ${given} values, axis 1 of the samples has ${channels ?? 'no'} channels.`,
        channels === undefined ? 'one number' : `one number or ${channels}`,
        `${given} values`,
      );
  }
  const { scale, offset, layout } = settings;
  return { match: { input: input.name, array: array.name, alone, sample, scale, offset, layout }, errors };
}

type ReportAt = (at: string, code: string, why: string, expected: string, received: string) => void;

function checkType(input: ValueSignature, array: ArrayInspection, settings: ArrayManifest, report: ReportAt): void {
  const accepted = input.dtype === null ? undefined : ACCEPTED[input.dtype];
  if (accepted === undefined) {
    report(
      'dtype',
      'input_not_fed',
      `arrays cannot feed an input of type ${input.dtype ?? 'unknown'}`,
      'a tensor of numbers',
      array.dtype,
    );
    return;
  }
  const fits = {
    numbers: true,
    'whole numbers': !FLOATS.has(array.dtype),
    'truth values': array.dtype === 'bool',
  }[accepted];
  if (!fits) report('dtype', 'dtype_mismatch', `the input takes ${accepted} (${input.dtype})`, accepted, array.dtype);
  if (accepted === 'numbers') return;
  for (const [field, neutral] of [
    ['scale', 1],
    ['offset', 0],
  ] as const)
    if (settings[field] !== neutral)
      report(
        field,
        'not_scalable',
        `values of type ${input.dtype} are passed as they are`,
        String(neutral),
        JSON.stringify(settings[field]).slice(0, 100),
      );
}

function checkSizes(
  expected: readonly Dimension[],
  sample: readonly number[],
  array: string,
  symbols: Map<string, { size: number; array: string }>,
  report: (why: string) => void,
): void {
  expected.forEach((dimension, axis) => {
    const size = sample[axis] ?? 0;
    if (typeof dimension === 'number' && dimension !== size)
      report(`axis ${axis} of a sample must be ${dimension} and is ${size}`);
    if (typeof dimension !== 'string' || !MEANINGFUL_NAME.test(dimension)) return;
    const known = symbols.get(dimension);
    if (known && known.size !== size)
      report(
        `the dimension ${JSON.stringify(dimension)} is ${size} here and ${known.size} in array ${JSON.stringify(known.array)}`,
      );
    else symbols.set(dimension, { size, array });
  });
}
