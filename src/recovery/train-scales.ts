import { dependents } from '../autodiff/dependents.js';
import { node as makeNode } from '../onnx/ir/graph.js';
import { elements, floats } from '../onnx/ir/tensor.js';
import { constantValues } from './constant-values.js';
import type { TrainingGraph } from './training-graph.js';

/** A latent of 1 makes a scale larger by about this share. */
const UNIT = 1 / 4;

/**
 * Lets the scales of stored weights be trained, after their integers: s becomes s · exp(unit · v), with latents v that begin as 0, so that a
 * scale keeps its sign. The integers do not depend on it, so its gradient is exact: that of v is unit · Σ dL/dŴ · Ŵ over the scale's
 * weights Ŵ. A scale that something else depends on stays.
 */
export function trainScales(graph: TrainingGraph): void {
  const { nodes, initializers } = graph.editor.graph;
  const constants = constantValues(graph.editor.graph);
  const restoring = nodes.filter(({ inputs }) => inputs.every((input) => constants.has(input)));
  const latents = graph.latents.map(({ name }) => name);
  const restored = dependents(restoring, latents);
  const found = restoring
    .filter(({ opType, outputs: [output = ''] }) => opType === 'Mul' && restored.has(output))
    .flatMap(({ inputs }) => inputs.filter((input) => initializers.has(input) && !restored.has(input)));
  for (const name of new Set(found)) train(graph, name);
}

function train(graph: TrainingGraph, name: string): void {
  const { editor } = graph;
  const start = editor.constant(name);
  const stored = graph.storedScales(name);
  if (start?.dtype !== 'float32' || stored === undefined) return;
  const readers = stored === name ? editor.uses(name).length - 1 : editor.uses(stored).length;
  if (readers > 0 || editor.isOutput(stored)) return;
  const { dims } = editor.constant(stored) ?? start;
  const base = elements(start, 'float32');
  const latent = graph.latent([stored], floats(new Float32Array(base.length), start.dims), (latents) => [
    floats(
      base.map((scale, i) => scale * Math.exp(UNIT * (latents[i] as number))),
      dims,
    ),
  ]);
  const [counted, factor, scales] = ['counted', 'factor', 'value'].map((part) => graph.value(stored, part)) as [
    string,
    string,
    string,
  ];
  editor.redirect(name, scales);
  editor.prepend(
    makeNode('Mul', [latent, graph.scalar(`${stored}/unit`, UNIT)], [counted], { name: counted }),
    makeNode('Exp', [counted], [factor], { name: factor }),
    makeNode('Mul', [factor, graph.constant(`${stored}/start`, start)], [scales], { name: scales }),
  );
}
