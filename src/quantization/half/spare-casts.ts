import type { GraphEditor } from '../../onnx/ir/editor.js';
import type { Node } from '../../onnx/ir/graph.js';
import { isPrecise, onlyMoves } from './half-operators.js';

/** Operators whose arithmetic makes halves worth a Cast. */
const HEAVY = new Set(['Attention', 'Conv', 'ConvTranspose', 'Einsum', 'GRU', 'Gemm', 'LSTM', 'MatMul', 'RNN']);

export interface CastTask {
  readonly editor: GraphEditor;
  /** The computed float32 values that each candidate would read and make as halves. */
  readonly values: ReadonlyMap<Node, readonly string[]>;
  /** Whether inputs and outputs of the graph stay float32. */
  readonly keepIoTypes: boolean;
}

/** Casts that a value needs: one where a node of the other precision than its maker's reads it, however many do. */
function castsOf({ editor, keepIoTypes }: CastTask, value: string, halves: ReadonlySet<Node>): number {
  const producer = editor.producer(value);
  const made = producer ? halves.has(producer) : !keepIoTypes;
  const isOther = ({ node, index, nested }: { node: Node; index: number; nested: boolean }) =>
    (!nested && halves.has(node) && isPrecise(node, index)) !== made;
  const leaves = editor.isOutput(value) && made === keepIoTypes;
  return editor.uses(value).some(isOther) || leaves ? 1 : 0;
}

/** Groups of half nodes that hand each other values. */
function components({ editor, values }: CastTask, halves: ReadonlySet<Node>): Node[][] {
  const seen = new Set<Node>();
  const found: Node[][] = [];
  for (const start of halves) {
    if (seen.has(start)) continue;
    const group: Node[] = [];
    const open = [start];
    seen.add(start);
    for (let node = open.pop(); node; node = open.pop()) {
      group.push(node);
      const near = (values.get(node) ?? []).flatMap((value) => [
        editor.producer(value),
        ...editor.uses(value).map((use) => use.node),
      ]);
      for (const other of near) {
        if (!other || !halves.has(other) || seen.has(other)) continue;
        seen.add(other);
        open.push(other);
      }
    }
    found.push(group);
  }
  return found;
}

/** Moving nodes change sides for as long as each change spares a Cast. */
function moveToNeighbours(task: CastTask, fit: ReadonlySet<Node>, halves: Set<Node>): void {
  const moving = [...fit].filter(onlyMoves);
  const casts = (node: Node) =>
    (task.values.get(node) ?? []).reduce((sum, value) => sum + castsOf(task, value, halves), 0);
  const flip = (node: Node) => (halves.has(node) ? halves.delete(node) : halves.add(node));
  for (let changed = true; changed; ) {
    changed = false;
    for (const node of moving) {
      const before = casts(node);
      flip(node);
      if (casts(node) < before) changed = true;
      else flip(node);
    }
  }
}

/**
 * Of the nodes that could compute in halves, those that should, with as few Casts as that takes: nodes that only move numbers go with
 * their neighbours, and where there is heavy arithmetic in halves, light work elsewhere is not worth a Cast.
 * @param fit in graph order
 */
export function spareCasts(task: CastTask, fit: ReadonlySet<Node>): ReadonlySet<Node> {
  const halves = new Set(fit);
  const groups = components(task, halves);
  const isHeavy = (group: readonly Node[]) => group.some(({ opType }) => HEAVY.has(opType));
  const anyHeavy = groups.some(isHeavy);
  for (const group of groups) {
    const worthless = anyHeavy ? !isHeavy(group) : group.every(onlyMoves);
    if (worthless) for (const node of group) halves.delete(node);
  }
  moveToNeighbours(task, fit, halves);
  return halves;
}
