import type { Step } from '../contracts/job-spec.js';
import type { Report, RequirementVerdict, StageReport } from '../contracts/report.js';
import { readFields } from '../contracts/scheme-fields.js';
import { distillationLines } from './distillation-lines.js';
import { headline } from './headline.js';
import { code, escapeText, fence, section, table } from './markdown.js';
import { nodeLines } from './node-lines.js';
import { bytes, estimate, milliseconds, number, plural } from './numbers.js';
import { recoveryLines } from './recovery-lines.js';
import { intervalInWords, reasonInWords } from './requirement-words.js';

const requirementRow =
  (report: Report) =>
  (row: RequirementVerdict): string[] => [
    code(row.name),
    number(row.bound),
    row.value === null ? '—' : number(row.value),
    intervalInWords(row),
    `**${row.verdict.replace('_', ' ')}**`,
    escapeText(reasonInWords(row, report)),
  ];

function comparison({ original, result }: Report): string[] {
  const sides = [original, result];
  return table(
    ['', 'original', 'result'],
    [
      ['size', ...sides.map((side) => bytes(side.bytes))],
      [code(original.metric.name), ...sides.map((side) => estimate(side.metric))],
      ...(['p20', 'p50', 'p90', 'p99'] as const).map((percentile) => [
        `latency, ${percentile}`,
        ...sides.map((side) => milliseconds(side.latency_ms[percentile])),
      ]),
      ['SHA-256', ...sides.map((side) => `\`${side.sha256.slice(0, 16)}…\``)],
    ],
  );
}

function speed({ speedup, speedup_parts }: Report): string[] {
  if (!speedup_parts) return [];
  return table(
    ['from', 'times as fast'],
    [
      ['lossless clean-up', estimate(speedup_parts.cleanup)],
      ['number format', estimate(speedup_parts.quantization)],
      ['together', estimate(speedup)],
    ],
  );
}

const measuredLines = ({ measured }: StageReport): string[] =>
  measured
    ? [
        `${code(measured.metric.name)} ${estimate(measured.metric)}, drop ${estimate(measured.metric_drop)}; ${milliseconds(measured.latency_ms.p20)} (p20), ${estimate(measured.speedup)} times as fast as the original.`,
        '',
      ]
    : [];

const stageLines = (stage: StageReport): string[] => [
  `### ${escapeText(stage.type)}${stage.scheme === undefined ? '' : ` ${code(stage.scheme)}`}`,
  '',
  `${bytes(stage.bytes)} after ${number(stage.seconds)} s, ${bytes(stage.peak_memory_bytes)} of memory at most.` +
    (stage.integer_nodes === undefined
      ? ''
      : ` ${plural(stage.integer_nodes, 'node')} in integer, ${stage.float_nodes ?? 0} that could stayed in float.`) +
    (stage.calibration === undefined
      ? ''
      : ` Calibrated by ${code(stage.calibration.method)} on ${plural(stage.calibration.samples, 'sample')}, ${plural(stage.calibration.tensors, 'tensor')}${stage.calibration.reused ? ', reused' : ''}.`),
  '',
  ...measuredLines(stage),
  ...distillationLines(stage.distillation),
  ...recoveryLines(stage.recovery),
  ...table(
    ['ranges', 'outputs against FP32, dB', 'kept'],
    (stage.calibration?.presets ?? []).map(({ name, output_sqnr_db, chosen }) => [
      escapeText(name),
      number(output_sqnr_db),
      chosen ? 'yes' : '',
    ]),
  ),
  ...(stage.calibration?.presets?.length ? [''] : []),
  ...table(
    ['rounding', 'outputs against FP32, dB', 'kept'],
    (stage.weights?.methods ?? []).map(({ name, output_sqnr_db, chosen }) => [
      escapeText(name),
      number(output_sqnr_db),
      chosen ? 'yes' : '',
    ]),
  ),
  ...(stage.weights?.methods?.length ? [''] : []),
  ...table(
    ['pass', 'changes'],
    (stage.passes ?? []).map((pass) => [code(pass.name), pass.changes.toString()]),
  ),
  ...(stage.passes?.length ? [''] : []),
];

const candidateRow = (candidate: Report['candidates'][number]): string[] => [
  `${code(candidate.scheme)} ${escapeText(candidate.variant)}`,
  candidate.chosen ? '**chosen**' : candidate.on_front ? 'yes' : 'no',
  candidate.bytes === null ? '' : bytes(candidate.bytes),
  candidate.metric === null ? '' : number(candidate.metric),
  candidate.speedup === null ? '' : `${number(candidate.speedup)}x`,
  escapeText(candidate.refused ?? ''),
];

const environmentLines = ({ environment, splits }: Report): string[] => [
  `- CPU: ${escapeText(environment.cpu)} (${environment.instruction_sets.map(escapeText).join(', ')})`,
  `- ${plural(environment.threads, 'thread')}, ONNX Runtime ${escapeText(environment.onnxruntime)}, Node ${escapeText(environment.node)}, ${escapeText(environment.platform)}`,
  ...Object.entries(splits).map(
    ([name, split]) => `- ${plural(split.samples, `${escapeText(name)} sample`)} (${escapeText(split.source)})`,
  ),
];

const reproduceLines = ({ reproduce }: Report): string[] => [
  `Model ${code(reproduce.inputs.model)}, ${reproduce.inputs.dataset === null ? 'no dataset' : `dataset ${code(reproduce.inputs.dataset)}`}, seed ${reproduce.seed}.`,
  '',
  ...fence('json', JSON.stringify({ ...reproduce.spec, steps: reproduce.spec.steps.map(statedStep) }, null, 2)),
];

/** Without the defaults that the scheme does not read: nobody should wonder about bits of weights beside int8_static. */
const statedStep = (step: Step): object => (step.type === 'quantize' ? readFields(step.scheme, step) : step);

/**
 * A report for a person, as GitHub-flavoured Markdown: the verdict first, evidence after. Text from models and specs is escaped.
 * @param createdAt when the job was made
 */
export function renderMarkdown(report: Report, createdAt: Date): string {
  return [
    ...headline(report, createdAt),
    ...section(
      'Requirements',
      table(
        ['requirement', 'bound', 'measured', '95 % interval', 'verdict', 'reason'],
        report.requirements.map(requirementRow(report)),
      ),
    ),
    ...section('Original and result', comparison(report)),
    ...section('Where the speed comes from', speed(report)),
    ...section('Steps', report.stages.flatMap(stageLines)),
    ...section(
      'Candidates',
      table(
        ['candidate', 'on the front', 'size', 'metric', 'speed-up', 'refused because'],
        report.candidates.map(candidateRow),
      ),
    ),
    ...section('Nodes', nodeLines(report)),
    ...section('Measured on', environmentLines(report)),
    ...section('To reproduce', reproduceLines(report)),
  ].join('\n');
}
