import closeWithGrace from 'close-with-grace';
import { readConfig } from '../platform/config.js';
import { createLogger } from '../platform/logger.js';
import { runEntry } from '../platform/run-entry.js';
import { DRAIN_MS } from '../security/limits.js';
import { openServices } from '../services.js';
import { serve } from './serve.js';

/** An api process on its own, beside any number of others and of worker processes. */
async function main(): Promise<void> {
  const config = readConfig();
  const logger = createLogger('api', config.logLevel);
  const services = await openServices(config, logger);
  const app = await serve(services, config, logger);
  closeWithGrace({ delay: DRAIN_MS, logger }, async ({ err }) => {
    if (err) logger.error({ err }, 'the api met a condition that it does not know');
    await app.close();
    await services.close();
  });
}

await runEntry(main);
