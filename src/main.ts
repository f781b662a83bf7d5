import closeWithGrace from 'close-with-grace';
import { startWorker } from '../workers/main.js';
import { serve } from './api/serve.js';
import { readConfig } from './platform/config.js';
import { createLogger } from './platform/logger.js';
import { runEntry } from './platform/run-entry.js';
import { DRAIN_MS } from './security/limits.js';
import { openServices } from './services.js';

/** The whole service in one process: the api, and a worker whose engines are its children. */
async function main(): Promise<void> {
  const config = readConfig();
  const logger = createLogger('modelpress', config.logLevel);
  const services = await openServices(config, logger);
  const worker = await startWorker(services, config, logger);
  const app = await serve(services, config, logger);
  closeWithGrace({ delay: DRAIN_MS, logger }, async ({ err }) => {
    if (err) logger.error({ err }, 'the service met a condition that it does not know');
    await app.close();
    await worker.close();
    await services.close();
  });
}

await runEntry(main);
