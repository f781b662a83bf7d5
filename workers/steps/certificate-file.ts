import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Certificate } from '../../src/contracts/certificate.js';
import type { NodeReport, StageReport } from '../../src/contracts/report.js';
import { environmentOf } from '../../src/evaluation/environment.js';
import { certify } from '../../src/quantization/certify.js';
import type { ResultFile } from '../protocol.js';

const CERTIFICATE: ResultFile = { file: 'certificate.json', name: 'certificate.json', role: 'certificate' };

/** Leaves the certificate of a quantized model in the scratch folder; nothing for a model in which nothing was to run in integer. */
export async function certificateFiles(
  stage: StageReport,
  nodes: readonly NodeReport[],
  scratch: string,
): Promise<ResultFile[]> {
  if (!stage.executed) return [];
  const { cpu, instruction_sets, onnxruntime, platform } = environmentOf(1);
  const certificate: Certificate = {
    ...{ object: 'certificate', version: 1, model: stage.sha256, scheme: stage.scheme ?? '' },
    environment: { cpu, instruction_sets, onnxruntime, platform },
    ...certify(nodes, stage.executed),
  };
  await writeFile(join(scratch, CERTIFICATE.file), JSON.stringify(certificate, null, 2));
  return [CERTIFICATE];
}
