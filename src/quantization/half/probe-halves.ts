import { type Model, node as makeNode, type Node, type Value } from '../../onnx/ir/graph.js';
import { numbers } from '../../onnx/ir/numbers.js';
import { scalar, type Tensor } from '../../onnx/ir/tensor.js';
import { ELEMENT_CODES } from '../../onnx/serde/element-types.js';
import { type CalibrationTask, calibrationRows } from '../calibration/task.js';
import { MEASURING, withModelSession } from '../model-session.js';
import { freshNames } from '../names.js';
import type { HalfError } from './half-constants.js';

/** The largest finite float32, and the least divisor that keeps 0/0 away. */
const LARGEST_SINGLE = 3.4028234663852886e38;
const LEAST_DIVISOR = 1e-37;
/** A spread below this part of Σx² is what float32 itself rounds: the numbers are equal. */
const LEAST_SPREAD = 1e-11;

const SCALARS = ['largest', 'signal', 'noise', 'spread', 'flushed'] as const;
type Scalars = Readonly<Record<(typeof SCALARS)[number], string>>;

/**
 * The model with five scalars of each value as its only outputs, however large the value is, all over its finite numbers x:
 * M = max|x|, Σ(x/M)², Σ((x − h)/M)² where h is x as a half, Σ((x − mean x)/M)², and how many x ≠ 0 have h = 0. Divided by M, no square leaves float32.
 */
function withProbes(model: Model, values: readonly string[]): { model: Model; names: ReadonlyMap<string, Scalars> } {
  const fresh = freshNames(model.graph);
  const initializers = new Map(model.graph.initializers);
  const constant = (hint: string, value: number) => {
    const name = fresh(hint);
    initializers.set(name, scalar(value));
    return name;
  };
  const [zero, top, least] = [
    constant('probe_zero', 0),
    constant('probe_top', LARGEST_SINGLE),
    constant('probe_least', LEAST_DIVISOR),
  ];
  const nodes: Node[] = [];
  const names = new Map<string, Scalars>();
  for (const value of values) {
    const emit = (opType: string, inputs: readonly string[], attributes = {}, output = fresh(`${value}_probe`)) => {
      nodes.push(makeNode(opType, inputs, [output], { attributes }));
      return output;
    };
    const scalarOf = (opType: string, input: string) => emit(opType, [input], { keepdims: 0 });
    const squares = (input: string, divisor: string) => scalarOf('ReduceSumSquare', emit('Div', [input, divisor]));
    const size = emit('Abs', [value]);
    const inRange = emit('LessOrEqual', [size, top]);
    const finite = emit('Where', [inRange, size, zero]);
    const half = emit('Cast', [emit('Cast', [finite], { to: ELEMENT_CODES.float16 })], { to: ELEMENT_CODES.float32 });
    const lost = emit('And', [emit('Greater', [finite, zero]), emit('Equal', [half, zero])]);
    const signed = emit('Where', [inRange, value, zero]);
    const largest = scalarOf('ReduceMax', finite);
    const divisor = emit('Max', [largest, least]);
    names.set(value, {
      largest,
      signal: squares(finite, divisor),
      noise: squares(emit('Sub', [finite, half]), divisor),
      spread: squares(emit('Sub', [signed, scalarOf('ReduceMean', signed)]), divisor),
      flushed: scalarOf('ReduceSum', emit('Cast', [lost], { to: ELEMENT_CODES.float32 })),
    });
  }
  const outputs = [...names.values()]
    .flatMap((scalars) => SCALARS.map((name) => scalars[name]))
    .map((name): Value => ({ name, type: { kind: 'tensor', dtype: 'float32', shape: [] } }));
  const graph = { ...model.graph, nodes: [...model.graph.nodes, ...nodes], initializers, outputs };
  return { model: { ...model, graph }, names };
}

const only = (tensor: Tensor | undefined) => (tensor ? numbers(tensor)[0] : undefined) ?? Number.NaN;

/** The worse of two samples. */
const worst = (a: HalfError, b: HalfError): HalfError => ({
  largest: Math.max(a.largest, b.largest),
  relativeNoise: Math.max(a.relativeNoise, b.relativeNoise),
  spreadNoise: Math.max(a.spreadNoise, b.spreadNoise),
  flushed: Math.max(a.flushed, b.flushed),
});

/** Values of one pass: the time that ONNX Runtime takes to load a model grows with the square of the nodes that are added. */
const VALUES_OF_A_PASS = 48;

/**
 * What halves would make of each value, at worst over the samples, which are run one by one. Infinities, which halves have too, and
 * NaN are left out.
 * @throws ServiceError dataset_too_small without one whole batch, model_run_failed; the reason of `signal` when it is aborted
 */
export async function probeHalves(task: CalibrationTask): Promise<Map<string, HalfError>> {
  const result = new Map<string, HalfError>();
  const passes = Math.ceil(task.values.length / VALUES_OF_A_PASS);
  for (let pass = 0; pass < passes; pass++) {
    const values = task.values.slice(pass * VALUES_OF_A_PASS, (pass + 1) * VALUES_OF_A_PASS);
    const progress = (fraction: number) => task.progress((pass + fraction) / passes);
    for (const [value, error] of await probeTogether({ ...task, values, progress })) result.set(value, error);
  }
  return result;
}

async function probeTogether(task: CalibrationTask): Promise<Map<string, HalfError>> {
  const rows = calibrationRows(task);
  const result = new Map<string, HalfError>();
  const { model, names } = withProbes(task.model, task.values);
  const session = { threads: task.threads, scratch: task.scratch, optimization: MEASURING } as const;
  await withModelSession(model, session, async ({ run }) => {
    for (const [position, row] of rows.entries()) {
      task.signal.throwIfAborted();
      const found = await run(await task.samples.feeds(row));
      for (const [value, scalars] of names) {
        const of = (name: (typeof SCALARS)[number]) => only(found.get(scalars[name]));
        const [signal, noise, spread] = [of('signal'), of('noise'), of('spread')];
        const error = {
          largest: of('largest'),
          relativeNoise: signal > 0 ? noise / signal : 0,
          spreadNoise: spread > signal * LEAST_SPREAD ? noise / spread : 0,
          flushed: of('flushed'),
        };
        const before = result.get(value);
        result.set(value, before ? worst(before, error) : error);
      }
      task.progress((position + 1) / rows.length);
    }
  });
  return result;
}
