import { defineConfig } from 'tsdown'
import { bundleWorkflows } from './scripts/bundle-workflows.mjs'

export default defineConfig({
  entry: [
    'src/index.ts',
    'src/plugins/dapr/index.ts',
    'src/plugins/lambda/index.ts',
    'src/plugins/sqlite/index.ts',
    'src/plugins/temporal/index.ts',
    'src/plugins/temporal/client.ts',
    'src/plugins/temporal/worker.ts',
    'src/testing/index.ts',
  ],
  // File by file: what a file imports is seen in dist/ as it is in src/, and test/imports.test.ts can hold it to that.
  unbundle: true,
  format: 'esm',
  platform: 'node',
  target: 'es2024',
  fixedExtension: false,
  // Types from isolated declarations: TypeScript 7 has no API that could be asked for them.
  dts: { generator: 'oxc', sourcemap: true },
  sourcemap: true,
  clean: true,
  // The ready-made workflow of Temporal, as the worker loads it: built here, so that a worker is ready at once.
  onSuccess: ({ outDir }) => bundleWorkflows(outDir),
})
