import type { Config } from '../platform/config.js';
import type { Logger } from '../platform/logger.js';
import { StartError } from '../platform/run-entry.js';
import { isLoopback } from '../security/local-access.js';
import { anyApiKey } from '../storage/records/api-keys.js';
import { buildApp } from './app.js';
import type { App } from './app-type.js';
import type { Services } from './services.js';

/**
 * Builds the app and listens.
 * @throws StartError when the service has no key and would be reachable from other machines.
 */
export async function serve(services: Services, config: Config, logger: Logger): Promise<App> {
  if (!isLoopback(config.host) && config.adminKey === undefined && !(await anyApiKey(services.database.queries))) {
    throw new StartError(
      `Without any API key the service listens on loopback only, not on ${config.host}. Set ADMIN_KEY to a secret of at least 24 characters.`,
    );
  }
  const app = await buildApp({ services, config, logger });
  await app.listen({ host: config.host, port: config.port });
  return app;
}
