/** Writes openapi.yaml from the routes; a test compares the two. */
import { writeFileSync } from 'node:fs';
import { renderOpenapiYaml } from '../src/api/openapi-yaml.js';

writeFileSync('openapi.yaml', await renderOpenapiYaml());
