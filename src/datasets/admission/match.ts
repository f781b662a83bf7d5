import type { ArrayInspection, ArrayManifest, DatasetInspection, DatasetManifest } from '../../contracts/dataset.js';
import type { FieldError } from '../../contracts/problem.js';
import type { ValueSignature } from '../../contracts/signature.js';
import { ServiceError } from '../../platform/errors.js';
import { didYouMean } from '../../platform/nearest-name.js';
import { labelsArray, manifestProblems, pointerSegment } from './manifest.js';
import { type ArrayMatch, matchArray } from './match-array.js';

/** How a dataset feeds a model. */
export interface DatasetMatch {
  readonly arrays: readonly ArrayMatch[];
  readonly labels: string | null;
  /** The only number of samples that the model takes at a time; null when any number will do. */
  readonly batch: number | null;
}

/** What the manifest says of an array; its name may be that of a property that every object has. */
const settingsOf = ({ arrays }: DatasetManifest, array: string): ArrayManifest | undefined =>
  Object.hasOwn(arrays, array) ? arrays[array] : undefined;

/** Errors beyond this number help nobody, and a hostile model has thousands of inputs. */
const MAX_TOLD = 50;

const DEFAULTS: ArrayManifest = { scale: 1, offset: 0, layout: 'as_is' };

/**
 * Finds the array of every model input and checks that it fits: by name, or the only array for the only input; stacked when it has the input's
 * rank, alone when it has one axis more (design of a dataset's manifest). All that is wrong is told at once.
 * @throws ServiceError dataset_mismatch with pointers into `/dataset`; dataset_not_finite.
 */
export function matchDataset(
  inputs: readonly ValueSignature[],
  inspection: DatasetInspection,
  manifest: DatasetManifest,
): DatasetMatch {
  const errors: FieldError[] = [...manifestProblems(inspection, manifest, '/dataset/manifest')];
  if (errors.length > 0) throw mismatch(errors);
  const labels = labelsArray(inspection, manifest, inputs);
  const assigned = assign(inputs, inspection, manifest, labels, errors);
  const symbols = new Map<string, { size: number; array: string }>();
  const arrays = assigned.flatMap(({ input, array }) => {
    const settings = settingsOf(manifest, array.name) ?? DEFAULTS;
    const found = matchArray(input, array, settings, symbols);
    errors.push(...found.errors);
    return found.match ? [found.match] : [];
  });
  const batch = commonBatch(inputs, arrays, errors);
  if (errors.length > 0) throw mismatch(errors);
  if (batch !== null && batch > inspection.samples)
    throw new ServiceError(
      'dataset_too_small',
      `The model takes ${batch} samples at a time; the dataset holds ${inspection.samples}.`,
    );
  const used = new Set([...arrays.map(({ array }) => array), labels]);
  refuseNonFinite(inspection.arrays.filter(({ name }) => used.has(name)));
  return { arrays, labels, batch };
}

function mismatch(errors: readonly FieldError[]): ServiceError {
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return new ServiceError('dataset_mismatch', `${errors[0]?.message}${more}`, { errors });
}

/** Pairs inputs with arrays by name; a single input takes the only array that is not the labels. */
function assign(
  inputs: readonly ValueSignature[],
  inspection: DatasetInspection,
  manifest: DatasetManifest,
  labels: string | null,
  errors: FieldError[],
): { input: ValueSignature; array: ArrayInspection }[] {
  const inputNames = inputs.map((input) => input.name);
  const candidates = inspection.arrays.filter((array) => array.name !== labels);
  const arrayOf = new Map<string, ArrayInspection>();
  for (const array of candidates) {
    const stated = settingsOf(manifest, array.name)?.input;
    const target = stated ?? array.name;
    const earlier = arrayOf.get(target);
    const at = `/dataset/manifest/arrays/${pointerSegment(array.name)}/input`;
    if (stated !== undefined && !inputNames.includes(stated))
      errors.push({
        pointer: at,
        code: 'unknown_input',
        message: `The model has no input ${JSON.stringify(stated)}.${didYouMean(stated, inputNames)}`,
        expected: `one of ${inputNames.join(', ')}`,
        received: stated,
      });
    else if (earlier)
      errors.push({
        pointer: at,
        code: 'input_fed_twice',
        message: `The arrays ${JSON.stringify(earlier.name)} and ${JSON.stringify(array.name)} both feed the input ${JSON.stringify(target)}.`,
      });
    else arrayOf.set(target, array);
  }
  const [onlyInput, ...otherInputs] = inputs;
  const [onlyArray, ...otherArrays] = candidates;
  const named = onlyArray && settingsOf(manifest, onlyArray.name)?.input !== undefined;
  if (onlyInput && onlyArray && !named && otherInputs.length === 0 && otherArrays.length === 0)
    return [{ input: onlyInput, array: onlyArray }];
  return inputs.flatMap((input) => {
    const array = arrayOf.get(input.name);
    if (array) return [{ input, array }];
    if (errors.length >= MAX_TOLD) return [];
    const names = candidates.map(({ name }) => name);
    errors.push({
      pointer: '/dataset/arrays',
      code: 'input_without_array',
      message: `No array feeds the model input ${JSON.stringify(input.name)}.${didYouMean(input.name, names)}`,
      expected: `an array named ${JSON.stringify(input.name)}, or one whose manifest says "input": ${JSON.stringify(input.name)}`,
      received: names.length > 0 ? `arrays ${names.join(', ')}` : 'no arrays but the labels',
    });
    return [];
  });
}

/** The fixed batch that all inputs agree on: 1 as soon as any input is fed alone. */
function commonBatch(
  inputs: readonly ValueSignature[],
  arrays: readonly ArrayMatch[],
  errors: FieldError[],
): number | null {
  const wanted = arrays.flatMap(({ input, array, alone }) => {
    const axis = inputs.find(({ name }) => name === input)?.shape?.[0];
    const batch = alone ? 1 : axis;
    return typeof batch === 'number' ? [{ input, array, batch }] : [];
  });
  const [first, ...others] = wanted;
  if (!first) return null;
  const other = others.find(({ batch }) => batch !== first.batch);
  if (other)
    errors.push({
      pointer: `/dataset/arrays/${pointerSegment(other.array)}`,
      code: 'batch_mismatch',
      message: `The input ${JSON.stringify(first.input)} takes ${first.batch} samples at a time, ${JSON.stringify(other.input)} takes ${other.batch}.`,
      expected: String(first.batch),
      received: String(other.batch),
    });
  return first.batch;
}

function refuseNonFinite(arrays: readonly ArrayInspection[]): void {
  const bad = arrays.filter((array) => array.first_non_finite !== null);
  const [first] = bad;
  if (!first) return;
  throw new ServiceError(
    'dataset_not_finite',
    `Array ${JSON.stringify(first.name)} holds NaN or infinity, first in sample ${first.first_non_finite}.`,
    {
      hint: 'Drop or mend these samples: ranges and metrics over them would be meaningless.',
      errors: bad.map((array) => ({
        pointer: `/dataset/arrays/${pointerSegment(array.name)}`,
        code: 'not_finite',
        message: `the first is in sample ${array.first_non_finite}`,
        expected: 'finite numbers',
      })),
    },
  );
}
