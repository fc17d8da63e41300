export function bundleWorkflows(outDir: string): Promise<void>
