import { capturedValues } from '../../onnx/ir/captured-values.js';
import type { Graph, Model, Node } from '../../onnx/ir/graph.js';
import { graphsOf } from '../../onnx/ir/visit-graphs.js';
import { tieTransposed } from '../../onnx/passes/tied-constants.js';
import type { RecordedShape } from '../../onnx/shapes/record-shapes.js';
import type { Scheme } from '../apply-scheme.js';
import type { CalibrationTask } from '../calibration/task.js';
import { freshNames } from '../names.js';
import type { NodeSelection } from '../node-selection.js';
import type { Decision } from '../plan.js';
import { storeConstants } from '../store-constants.js';
import { hasWeights } from '../weight-operands.js';
import { fitNodes, halfCandidates, probedValues } from './choose-halves.js';
import { emitHalves } from './emit-halves.js';
import { probeHalves } from './probe-halves.js';
import { spareCasts } from './spare-casts.js';

/** A report names this many nodes that stay in float with their numbers; the list of nodes has them all. */
const NAMED_IN_NOTES = 8;

export interface HalfSchemeOptions extends Omit<CalibrationTask, 'values'> {
  /** Cleaned up, every node with a name of its own. */
  readonly model: Model;
  readonly selected: NodeSelection;
  /** Types of all values, as one run had them. */
  readonly shapes: ReadonlyMap<string, RecordedShape>;
  readonly keepIoTypes: boolean;
}

const MOVED = 'It only moves numbers, and its neighbours stay in FP32, or it is too little work to be worth the Casts.';

/**
 * Lets the model compute in half precision: operators that have such a form, on values whose numbers fit it on all samples. All else
 * stays in FP32 behind as few Casts as possible. Branches and bodies compute in FP32, with large constants stored as halves.
 * @throws ServiceError dataset_too_small, model_run_failed; the reason of `signal` when it is aborted
 */
export async function halfScheme(options: HalfSchemeOptions): Promise<Scheme> {
  const { model, shapes, selected, keepIoTypes } = options;
  const candidates = halfCandidates(model.graph, model.opsets.get('') ?? 1, shapes, selected);
  const errors = await probeHalves({ ...options, values: probedValues(candidates, shapes) });
  const { fit, reasons } = fitNodes(candidates, errors);
  const halves = spareCasts({ editor: candidates.editor, values: candidates.nodes, keepIoTypes }, fit);
  const emit = {
    halves: new Set([...halves].map(({ name }) => name)),
    isFloat: (value: string) => shapes.get(value)?.dtype === 'float32',
    keepIoTypes,
  };
  const stored = storeInBranches(emitHalves(model, emit), selected);
  tieTransposed.run(stored.model.graph);
  const decisions = new Map<Node, Decision>();
  for (const node of model.graph.nodes) {
    const reason = reasons.get(node) ?? (fit.has(node) && !halves.has(node) ? MOVED : null);
    if (halves.has(node)) decisions.set(node, { node, treatment: 'half', reason: 'It computes in FP16.' });
    else if (reason !== null) decisions.set(node, { node, treatment: 'float', reason });
  }
  const weighty = [...halves].some(hasWeights);
  const isWorthALine = (node: Node) => hasWeights(node) || !weighty;
  const plan = {
    graph: model.graph,
    decisions: new Map([...decisions].filter(([node, { treatment }]) => treatment === 'float' || isWorthALine(node))),
    quantizedResults: new Map(),
    absorbed: new Set<Node>(),
    sharedScale: new Map(),
  };
  return {
    model: stored.model,
    comparable: emitHalves(model, { ...emit, keepIoTypes: true, restored: [...shapes.keys()].filter(emit.isFloat) }),
    passes: [],
    presets: [],
    methods: [],
    plan,
    integerWeights: [],
    calibratedTensors: errors.size,
    notes: notesOn(halves.size, reasons, stored.count),
  };
}

/** What computes in FP32 inside branches and bodies still takes half the bytes. */
function storeInBranches(model: Model, selected: NodeSelection): { model: Model; count: number } {
  const [main, ...branches] = [...graphsOf(model.graph)] as [Graph, ...Graph[]];
  if (branches.length === 0) return { model, count: 0 };
  const captured = new Set(main.nodes.flatMap((node) => [...capturedValues(node)]));
  const excluded = new Set(
    branches.flatMap(({ nodes }) => nodes.filter((node) => !selected(node))).flatMap(({ inputs }) => inputs),
  );
  const inside = new Set(branches.flatMap(({ initializers }) => [...initializers.keys()]));
  const wanted = (name: string) => (captured.has(name) || inside.has(name)) && !excluded.has(name);
  return { model, count: storeConstants([main, ...branches], wanted, freshNames(model.graph)).halves.size };
}

function notesOn(halves: number, reasons: ReadonlyMap<Node, string>, stored: number): string[] {
  const named = [...reasons]
    .slice(0, NAMED_IN_NOTES)
    .map(([node, reason]) => `${node.name} (${node.opType}): ${reason}`);
  const more = reasons.size - named.length;
  return [
    `${halves} nodes compute in FP16. ONNX Runtime has no such kernels for x86 and casts around each node: there FP16 gains bytes, not time.`,
    ...(reasons.size === 0
      ? []
      : [`${reasons.size} nodes stay in FP32. ${named.join(' ')}${more > 0 ? ` And ${more} more.` : ''}`]),
    ...(stored === 0
      ? []
      : [`${stored} constants of branches and loops are stored in FP16 and unfold when the model is loaded.`]),
  ];
}
