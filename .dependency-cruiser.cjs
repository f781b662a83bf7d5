/**
 * The arrows of the house point down (docs/architecture.md). Each row: a room, and the rooms it may import.
 * `platform` may be imported by everyone; a room may always import itself.
 */
const rooms = {
  'src/platform': [],
  'src/contracts': [],
  'src/onnx': ['src/contracts'],
  'src/runtime': ['src/onnx', 'src/contracts'],
  'src/datasets': ['src/onnx', 'src/contracts'],
  'src/autodiff': ['src/onnx', 'src/contracts'],
  'src/templates': ['src/onnx', 'src/contracts'],
  'src/channels': ['src/onnx', 'src/contracts'],
  'src/distillation': ['src/autodiff', 'src/channels', 'src/runtime', 'src/datasets', 'src/onnx', 'src/contracts'],
  'src/quantization': ['src/runtime', 'src/datasets', 'src/onnx', 'src/contracts'],
  'src/recovery': [
    'src/distillation',
    'src/quantization',
    'src/autodiff',
    'src/runtime',
    'src/datasets',
    'src/onnx',
    'src/contracts',
  ],
  'src/evaluation': ['src/runtime', 'src/datasets', 'src/onnx', 'src/contracts'],
  'src/search': ['src/quantization', 'src/evaluation', 'src/runtime', 'src/datasets', 'src/onnx', 'src/contracts'],
  'src/reports': ['src/contracts'],
  'src/storage': ['src/contracts'],
  'src/jobs': ['src/storage', 'src/contracts'],
  'src/security': ['src/storage', 'src/contracts'],
  'src/api': ['src/jobs', 'src/storage', 'src/security', 'src/contracts', 'src/reports', 'src/templates', 'src/onnx/admission', 'src/datasets/admission', 'src/datasets/synthetic.ts', 'src/evaluation/plan-metric.ts', 'src/evaluation/decidable.ts'],
};
const roomRules = Object.entries(rooms).map(([room, allowed]) => ({
  name: `${room.replace('src/', '')}-looks-down`,
  severity: 'error',
  // Entry points put the house together, so they alone see src/services.ts.
  from: { path: `^${room}/`, pathNot: '^src/api/server.ts$' },
  to: { path: '^(src|workers)/', pathNot: [room, 'src/platform', ...allowed].map((path) => (path.endsWith('.ts') ? `^${path}$` : `^${path}/`)) },
}));
/** A package with one importing place, so that replacing it touches one folder. */
const owned = {
  bullmq: '^src/jobs/',
  'onnxruntime-node': '^src/runtime/',
  'onnx-buf': '^src/onnx/',
  kysely: '^src/storage/',
  '@electric-sql/pglite': '^src/storage/',
  fastify: '^src/api/',
};
const packageRules = Object.entries(owned).map(([name, path]) => ({
  name: `${name.replace(/\W+/g, '-')}-has-one-owner`,
  severity: 'error',
  from: { pathNot: [path, '^(test|bench)/'] },
  to: { path: `node_modules/${name}/` },
}));
module.exports = {
  forbidden: [
    ...roomRules,
    ...packageRules,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'workers-not-api', severity: 'error', from: { path: '^workers/' }, to: { path: '^src/api/' } },
    { name: 'src-not-workers', severity: 'error', from: { path: '^src/', pathNot: '^src/main.ts' }, to: { path: '^workers/' } },
    { name: 'contracts-only-zod', severity: 'error', from: { path: '^src/contracts/' }, to: { dependencyTypes: ['npm'], pathNot: 'node_modules/zod/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
