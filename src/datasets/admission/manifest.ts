import { type DatasetInspection, type DatasetManifest, SPLIT_NAMES } from '../../contracts/dataset.js';
import type { FieldError } from '../../contracts/problem.js';
import { ServiceError } from '../../platform/errors.js';
import { didYouMean } from '../../platform/nearest-name.js';

/** One segment of a JSON pointer (RFC 6901, section 3). */
export const pointerSegment = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** What is wrong with a manifest, given what the dataset holds: arrays that are not there, splits outside the samples or overlapping. */
export function manifestProblems(
  inspection: DatasetInspection,
  manifest: DatasetManifest,
  pointer: string,
): readonly FieldError[] {
  const names = inspection.arrays.map((array) => array.name);
  const unknownArray = (name: string, at: string): FieldError => ({
    pointer: `${pointer}/${at}`,
    code: 'unknown_array',
    message: `The dataset has no array ${JSON.stringify(name)}.${didYouMean(name, names)}`,
    expected: `one of ${names.join(', ')}`,
    received: name,
  });
  const problems: FieldError[] = [];
  for (const name of Object.keys(manifest.arrays))
    if (!names.includes(name)) problems.push(unknownArray(name, `arrays/${pointerSegment(name)}`));
  if (typeof manifest.labels === 'string' && !names.includes(manifest.labels))
    problems.push(unknownArray(manifest.labels, 'labels'));
  problems.push(...splitProblems(inspection.samples, manifest, pointer));
  return problems;
}

function splitProblems(samples: number, manifest: DatasetManifest, pointer: string): FieldError[] {
  const problems: FieldError[] = [];
  const ranges = SPLIT_NAMES.flatMap((name) => {
    const range = manifest.splits?.[name];
    return range ? [{ name, from: range[0], to: range[1] }] : [];
  }).sort((a, b) => a.from - b.from);
  ranges.forEach(({ name, from, to }, index) => {
    const problem = (code: string, message: string, expected: string): FieldError => ({
      pointer: `${pointer}/splits/${name}`,
      code,
      message,
      expected,
      received: `[${from}, ${to})`,
    });
    if (to > samples)
      problems.push(
        problem('out_of_range', `The split ends at ${to}; there are ${samples} samples.`, `at most ${samples}`),
      );
    const before = ranges[index - 1];
    if (before && before.to > from)
      problems.push(
        problem(
          'overlapping_splits',
          `It shares samples with ${before.name}, [${before.from}, ${before.to}).`,
          'disjoint ranges',
        ),
      );
  });
  return problems;
}

/** Checks a manifest when a dataset is uploaded. @throws ServiceError invalid_request with pointers into `/manifest`. */
export function checkManifest(inspection: DatasetInspection, manifest: DatasetManifest): void {
  const errors = manifestProblems(inspection, manifest, '/manifest');
  if (errors.length > 0)
    throw new ServiceError('invalid_request', `The manifest does not fit the data: ${errors[0]?.message}`, { errors });
}

/** The array that holds the labels: the one the manifest names (null names none), or one called labels that no model input claims. */
export function labelsArray(
  inspection: DatasetInspection,
  manifest: DatasetManifest,
  inputs: readonly { readonly name: string }[],
): string | null {
  if (manifest.labels !== undefined) return manifest.labels;
  const isInput = inputs.some((input) => input.name === 'labels') || manifest.arrays.labels?.input !== undefined;
  return !isInput && inspection.arrays.some((array) => array.name === 'labels') ? 'labels' : null;
}
