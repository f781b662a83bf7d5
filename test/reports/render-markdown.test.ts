import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Report } from '../../src/contracts/report.js';
import { renderMarkdown } from '../../src/reports/render-markdown.js';
import { sampleReport } from './sample-report.js';

/** The cells of the first table row whose first cell is `name`. */
function row(markdown: string, name: string): string[] {
  const line = markdown.split('\n').find((text) => text.startsWith(`| ${name} |`));
  assert.ok(line, `no row ${name} in\n${markdown}`);
  return line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''));
}

describe('renderMarkdown', () => {
  it('says the verdict first', () => {
    for (const [verdict, words] of [
      ['met', '# Met'],
      ['not_met', '# Not met'],
      ['undecided', '# Undecided'],
      [null, '# No requirements'],
    ] as const) {
      assert.ok(renderMarkdown(sampleReport({ verdict })).startsWith(words));
    }
  });

  it('shows each requirement with bound, value, interval and what would decide it', () => {
    const markdown = renderMarkdown(sampleReport());
    assert.deepEqual(row(markdown, 'max\\_metric\\_drop'), [
      'max\\_metric\\_drop',
      '0.01',
      '0.002',
      '-0.004 to 0.013',
      '**undecided**',
      'too\\_few\\_samples; about 1234 samples would decide',
    ]);
    assert.deepEqual(row(markdown, 'max\\_size\\_ratio').slice(1, 5), ['0.5', '0.295', 'exact', '**met**']);
  });

  it('compares original and result in size, metric and latency', () => {
    const markdown = renderMarkdown(sampleReport());
    assert.deepEqual(row(markdown, 'size'), ['size', '578.97 kB', '171.00 kB']);
    assert.deepEqual(row(markdown, 'top1'), ['top1', '0.9917 (0.98 to 0.9965)', '0.9897 (0.977 to 0.9955)']);
    assert.deepEqual(row(markdown, 'latency, p90'), ['latency, p90', '0.6 ms', '0.44 ms']);
    assert.deepEqual(row(markdown, 'lossless clean-up'), ['lossless clean-up', '1.2 (1.18 to 1.22)']);
  });

  it('tells of every step, node, candidate, note and of the machine', () => {
    const markdown = renderMarkdown(sampleReport());
    for (const text of [
      'int8\\_static',
      'Calibrated by mean\\_minmax on 200 samples, 54 tensors.',
      '1 of 2 nodes run in integer kernels.',
      'may saturate without VNNI',
      'depthwise',
      'slower than the original\\: 0.81x',
      '- A note.',
      '- CPU: AMD EPYC (avx2)',
      '600 evaluation samples (seeded)',
      '"scheme": "int8_static"',
    ]) {
      assert.ok(markdown.includes(text), `${text} is missing in\n${markdown}`);
    }
  });

  it('lists 200 nodes and counts the rest', () => {
    const node = sampleReport().nodes[0] as Report['nodes'][number];
    const nodes = Array.from({ length: 450 }, (_, i) => ({ ...node, name: `n${i}` }));
    const markdown = renderMarkdown(sampleReport({ nodes }));
    assert.ok(markdown.includes('| n199 |') && !markdown.includes('| n200 |'));
    assert.ok(markdown.includes('250 more nodes'));
  });

  it('leaves nothing of a hostile name that a renderer would act on', () => {
    const hostile =
      '<img src=x onerror=alert(1)> [a](javascript:x) ![i](http://e.vil) | `c` **b** \n# h \u202Ewww.e.vil <!--';
    const name = (markdown: string) => markdown.split('\n').find((line) => line.includes('onerror')) ?? '';
    const line = name(
      renderMarkdown(
        sampleReport({
          nodes: [{ name: hostile, op_type: 'Conv', integer: true, sqnr_db: null, exact_everywhere: null }],
        }),
      ),
    );
    assert.ok(line.startsWith('| &lt;img'));
    assert.equal(line.split(' | ').length, 6, 'the cell does not split');
    assert.doesNotMatch(line, /[<>\u202E]|(?<!\\)[[\]`*!#]|(?<!\\):\/\/|www\./);
  });

  it('keeps a specification inside its fence', () => {
    const report = sampleReport();
    const spec = { ...report.reproduce.spec, metadata: { note: '```\n# out' } };
    const markdown = renderMarkdown(sampleReport({ reproduce: { ...report.reproduce, spec } }));
    const lines = markdown.slice(markdown.indexOf('## To reproduce')).split('\n');
    assert.deepEqual(
      lines.filter((line) => line.startsWith('`')),
      ['````json', '````'],
    );
  });
});
