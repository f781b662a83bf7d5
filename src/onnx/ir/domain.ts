/** The standard domain has two spellings, '' and 'ai.onnx'. */
export const canonicalDomain = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);
