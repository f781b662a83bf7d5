import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GRADIENT_RULES } from '../../src/autodiff/rules/index.js';
import { TRAINABLE_OPERATORS } from '../../src/contracts/distill-step.js';
import type { Attribute, Node } from '../../src/onnx/ir/graph.js';
import { GRADIENT_CASES } from './cases/index.js';
import { REFUSED_NODES } from './cases/refused.js';
import { readGolden } from './torch-golden.js';

test('the contract names the operators that have a gradient', () => {
  assert.deepEqual([...TRAINABLE_OPERATORS], Object.keys(GRADIENT_RULES).toSorted());
});

interface Schema {
  readonly inputs: readonly { readonly name: string; readonly kind: 'single' | 'optional' | 'variadic' }[];
  /** Defaults by name; null where there is none. */
  readonly attributes: Readonly<Record<string, unknown>>;
}
const golden = readGolden<{ readonly source: string; readonly operators: Readonly<Record<string, Schema>> }>(
  'operators',
);

/** Rounding has no slope to measure: what stands for its gradient is tested in straight-through.test.ts. */
const STRAIGHT_THROUGH: ReadonlySet<string> = new Set(['QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear']);

/** Attributes and inputs that change nothing for floats that are differentiated, and why. */
const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  'Reshape.allowzero': 'tells apart tensors without elements only',
  'LayerNormalization.stash_type': 'float32 is its only value for float32',
  'Resize.antialias': 'for interpolation, which is refused',
  'Resize.cubic_coeff_a': 'for interpolation, which is refused',
  'Resize.exclude_outside': 'for interpolation, which is refused',
  'Resize.extrapolation_value': 'for tf_crop_and_resize, which is refused',
  'Resize.keep_aspect_ratio_policy': 'for sizes, which are refused',
  'Resize.roi': 'for tf_crop_and_resize, which is refused',
};

/** Values of which each is a variant of its own. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  auto_pad: ['SAME_UPPER', 'SAME_LOWER', 'VALID'],
  direction: ['reverse', 'bidirectional'],
};

const standard = (opType: string) => (each: Node) => each.domain === '' && each.opType === opType;

/** An attribute's value as JSON says it. */
function plain(attribute: Attribute | undefined): unknown {
  switch (attribute?.kind) {
    case 'int':
      return Number(attribute.value);
    case 'ints':
      return attribute.value.map(Number);
    case 'string':
      return Buffer.from(attribute.value).toString();
    case 'strings':
      return attribute.value.map((each) => Buffer.from(each).toString());
    case 'float':
    case 'floats':
      return attribute.value;
    default:
      return undefined;
  }
}

/** Variants of an operator that no case has. */
function missing(opType: string, { inputs, attributes }: Schema): string[] {
  const own = GRADIENT_CASES.flatMap(({ nodes }) => nodes.filter(standard(opType)));
  const refused = REFUSED_NODES.map(([, each]) => each).filter(standard(opType));
  const all = [...own, ...refused];
  if (own.length === 0) return [opType];
  const lacks: string[] = [];
  for (const [name, fallback] of Object.entries(attributes)) {
    const values = all.map((each) => plain(each.attributes.get(name))).filter((value) => value !== undefined);
    const wanted = VALUES[name]?.map((value) => [value, values.includes(value)] as const) ?? [
      ['', values.some((value) => JSON.stringify(value) !== JSON.stringify(fallback))] as const,
    ];
    lacks.push(...wanted.filter(([, found]) => !found).map(([value]) => `${opType}.${name} ${value}`.trim()));
  }
  inputs.forEach(({ name, kind }, index) => {
    const given = (each: Node) => (each.inputs[index] ?? '') !== '';
    if (kind === 'variadic' && !own.some((each) => each.inputs.length > 1)) lacks.push(`${opType} of several ${name}`);
    if (kind !== 'optional') return;
    if (!all.some(given)) lacks.push(`${opType}.${name}`);
    if (all.every(given)) lacks.push(`${opType} without ${name}`);
  });
  return lacks.filter((each) => WITHOUT_EFFECT[each] === undefined);
}

describe(`each operator, attribute and optional input of ${golden.source} has a case`, () => {
  for (const opType of TRAINABLE_OPERATORS.filter((each) => !STRAIGHT_THROUGH.has(each)))
    test(opType, () => {
      const schema = golden.operators[opType];
      assert.ok(schema, 'run make-operators.py');
      assert.deepEqual(missing(opType, schema), []);
    });
});

/** The other half of a case of QuantizeLinear; and PyTorch knows no quantization whose range is measured on the spot. */
const WITHOUT_PEER: ReadonlySet<string> = new Set(['DequantizeLinear', 'DynamicQuantizeLinear']);

test('each operator has a case of PyTorch', () => {
  const cases = ['gradients', 'recurrent'].flatMap(
    (name) => readGolden<{ readonly cases: readonly { readonly operator: string }[] }>(name).cases,
  );
  const compared = new Set(cases.map(({ operator }) => operator));
  assert.deepEqual(
    TRAINABLE_OPERATORS.filter((each) => !compared.has(each) && !WITHOUT_PEER.has(each)),
    [],
  );
});
