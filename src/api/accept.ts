import { ServiceError } from '../platform/errors.js';

/**
 * The offered media type that `Accept` likes best (RFC 9110 §12.5.1); the first one when there is no header or all are liked equally.
 * @throws ServiceError not_acceptable when it takes none of them.
 */
export function negotiate<Type extends string>(header: string | undefined, offered: readonly [Type, ...Type[]]): Type {
  if (header === undefined || header.trim() === '') return offered[0];
  const wanted = header.split(',').map((item) => {
    const [range = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith('q='));
    return { range, quality: quality === undefined ? 1 : Number(quality.slice(2)) || 0 };
  });
  const qualityOf = (type: string): number => {
    // The most specific range decides.
    const ranges = [type, `${type.split('/', 1)[0]}/*`, '*/*'];
    for (const range of ranges) {
      const found = wanted.find((item) => item.range === range);
      if (found !== undefined) return found.quality;
    }
    return 0;
  };
  const best = offered.reduce((best, type) => (qualityOf(type) > qualityOf(best) ? type : best), offered[0]);
  if (qualityOf(best) === 0) throw new ServiceError('not_acceptable', `This can be given as ${offered.join(' or ')}.`);
  return best;
}
