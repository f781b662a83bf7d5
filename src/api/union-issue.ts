import { z } from 'zod';

type Issue = z.core.$ZodIssue;
type UnionIssue = z.core.$ZodIssueInvalidUnion;

/** A key that a form does not know speaks more against it than one that is missing or wrong. */
const UNKNOWN_KEY = 2;

/** Whether a value is of another kind than a form altogether. */
const isOfAnotherKind = (branch: readonly Issue[]): boolean =>
  branch.some(({ path, code }) => path.length === 0 && (code === 'invalid_type' || code === 'invalid_value'));

const distance = (branch: readonly Issue[]): number =>
  branch.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? UNKNOWN_KEY * issue.keys.length : 1), 0);

/** What is wrong by the form that a value is nearest to, with paths from the root; null when no form is nearer than all others. */
export function nearestForm({ errors, path }: UnionIssue): readonly Issue[] | null {
  const [first, second] = errors
    .filter((branch) => !isOfAnotherKind(branch))
    .toSorted((a, b) => distance(a) - distance(b));
  if (first === undefined || (second !== undefined && distance(first) === distance(second))) return null;
  return first.map((issue) => ({ ...issue, path: [...path, ...issue.path] }));
}

/** The forms that a union of objects takes, by what each must have: `{"from": "teacher"}`; null for a union of other things. */
export function formsOf(union: unknown): string | null {
  if (!(union instanceof z.ZodUnion)) return null;
  const forms = union.def.options.filter((option) => option instanceof z.ZodObject).map(formOf);
  return forms.length < 2 ? null : `one of the forms ${forms.join(', ')}`;
}

function formOf({ shape }: z.ZodObject): string {
  const needed = Object.entries(shape).filter(([, field]) => !z.safeParse(field, undefined).success);
  const shown = needed.map(([key, field]) => {
    const value = field instanceof z.ZodLiteral ? JSON.stringify([...field.values][0]) : '…';
    return `${JSON.stringify(key)}: ${value}`;
  });
  return `{${shown.join(', ')}}`;
}
