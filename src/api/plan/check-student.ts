import type { FieldError } from '../../contracts/problem.js';
import { counterpart, type ValueSignature } from '../../contracts/signature.js';
import { ServiceError } from '../../platform/errors.js';
import type { ModelRow } from '../../storage/schema.js';

const words = ({ dtype, shape }: ValueSignature) => `${dtype ?? 'no tensor'} [${shape?.join(', ') ?? '…'}]`;

/** Whether two values can be the same one: of one type, and of sizes that agree where both are fixed. The batch may differ. */
function alike(one: ValueSignature, other: ValueSignature): boolean {
  if (one.dtype !== other.dtype) return false;
  if (one.shape === null || other.shape === null) return true;
  return (
    one.shape.length === other.shape.length &&
    one.shape.every((size, axis) => {
      const beside = other.shape?.[axis];
      return axis === 0 || typeof size !== 'number' || typeof beside !== 'number' || size === beside;
    })
  );
}

/** What keeps two models from standing for one another at one value. */
function difference(
  what: string,
  mine: ValueSignature | undefined,
  wanted: ValueSignature,
): { message: string; received: string } | null {
  const received = mine ? words(mine) : 'none of this name';
  if (mine && alike(mine, wanted)) return null;
  return { message: `The student's ${what} does not fit ${JSON.stringify(wanted.name)} of the model.`, received };
}

/**
 * That an uploaded student can take the place of its teacher: every input of its own is one of the teacher's, and it gives the scored
 * output. Where each has one only, their names may differ.
 * @throws ServiceError dataset_mismatch with what was expected and what the student has
 */
export function checkStudent(teacher: ModelRow, student: ModelRow, output: string, pointer: string): void {
  const wanted = teacher.inspection;
  const own = student.inspection;
  const errors: FieldError[] = [];
  const tell = (what: string, mine: ValueSignature | undefined, value: ValueSignature) => {
    const found = difference(what, mine, value);
    if (found) errors.push({ pointer, code: 'dataset_mismatch', ...found, expected: words(value) });
  };
  for (const input of own.inputs) {
    const value = counterpart(wanted.inputs, input.name);
    if (value) tell('input', input, value);
    else {
      const message = `The student reads ${JSON.stringify(input.name)}, which the model does not.`;
      const expected = wanted.inputs.map(({ name }) => JSON.stringify(name)).join(', ');
      errors.push({ pointer, code: 'unknown_name', message, expected, received: input.name });
    }
  }
  const scored = wanted.outputs.find(({ name }) => name === output);
  if (scored) tell('output', counterpart(own.outputs, output), scored);
  const [first] = errors;
  if (first)
    throw new ServiceError('dataset_mismatch', first.message, {
      hint: "Give a student with the model's inputs and scored output.",
      errors,
    });
}
