import { stringify } from 'yaml';
import { createLogger } from '../platform/logger.js';
import { buildApp } from './app.js';
import type { Services } from './services.js';

/** openapi.yaml as the routes are now. Nothing is opened: no request will come. */
export async function renderOpenapiYaml(): Promise<string> {
  const services = { database: {} } as unknown as Services;
  const app = await buildApp({ services, config: { adminKey: undefined }, logger: createLogger('api', 'silent') });
  try {
    await app.ready();
    return stringify(app.swagger(), { aliasDuplicateObjects: false, lineWidth: 120 });
  } finally {
    await app.close();
  }
}
