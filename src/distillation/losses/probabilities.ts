import type { DistillLoss } from '../../contracts/distill-step.js';
import { GraphEditor } from '../../onnx/ir/editor.js';
import type { Graph } from '../../onnx/ir/graph.js';
import { elements, type Tensor } from '../../onnx/ir/tensor.js';
import type { Loss } from './loss.js';
import { type LossPlan, lossPlan } from './loss-plan.js';

/** Which of two outputs are probabilities where a loss reads logits. */
export interface Probabilities {
  readonly student: boolean;
  readonly teacher: boolean;
}

/** Losses that soften or normalize what they read; the others compare the numbers as they are. */
const READS_LOGITS: ReadonlySet<DistillLoss['kind']> = new Set(['dist', 'dkd', 'kd', 'labels']);
/** Keeps the logarithm of a probability that became 0 finite. */
const LEAST_PROBABILITY = 1e-20;

/** The same loss of logarithms. */
const onLogarithms =
  (loss: Loss, { student, teacher }: Probabilities): Loss =>
  (emit, inputs) => {
    const logarithm = (value: string) => emit.op('Log', [emit.op('Max', [value, emit.scalar(LEAST_PROBABILITY)])]);
    return loss(emit, {
      ...inputs,
      student: student ? logarithm(inputs.student) : inputs.student,
      teacher: teacher ? logarithm(inputs.teacher) : inputs.teacher,
    });
  };

/**
 * The loss that a spec describes, for outputs that may be probabilities: where it reads logits their logarithms take the logits' place,
 * since log softmax(z) differs from z by the same number for all classes.
 */
export function lossOfOutputs(spec: DistillLoss, probabilities: Probabilities): LossPlan {
  const plan = lossPlan(spec);
  const student = probabilities.student;
  const teacher = probabilities.teacher && plan.teacher;
  if (!READS_LOGITS.has(spec.kind) || !(student || teacher)) return plan;
  return { ...plan, loss: onLogarithms(plan.loss, { student, teacher }) };
}

/** Operators that leave the numbers as they are. */
const SAME_NUMBERS: ReadonlySet<string> = new Set([
  'Flatten',
  'Identity',
  'Reshape',
  'Squeeze',
  'Transpose',
  'Unsqueeze',
]);

/** Whether an output of a graph holds the probabilities of a Softmax. */
export function holdsProbabilities(graph: Graph, output: string): boolean {
  const editor = new GraphEditor(graph);
  let node = editor.producer(output);
  while (node && SAME_NUMBERS.has(node.opType)) node = editor.producer(node.inputs[0] ?? '');
  return node?.opType === 'Softmax';
}

/** How far rounding may take a sum of probabilities from 1. */
const SUM_TOLERANCE = 1e-3;

/** Whether answers [N, …, C] look like probabilities: nothing below 0, and each row sums to 1. */
export function areProbabilities(answers: Tensor): boolean {
  const values = elements(answers, 'float32');
  const classes = answers.dims.at(-1) ?? 1;
  for (let start = 0; start < values.length; start += classes) {
    const row = values.subarray(start, start + classes);
    const sum = row.reduce((total, value) => total + value, 0);
    if (classes < 2 || row.some((value) => value < 0) || Math.abs(sum - 1) > SUM_TOLERANCE) return false;
  }
  return values.length > 0;
}
