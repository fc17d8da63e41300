import { defineConfig } from 'tsdown'
import { bundleWorkflows } from './scripts/bundle-workflows.mjs'

const core = /[\\/]src[\\/](?!(?:plugins|testing)[\\/])/
const isType = (file: string): boolean => file.endsWith('.d.ts')

export default defineConfig({
  entry: [
    'src/index.ts',
    'src/plugins/dapr/index.ts',
    'src/plugins/lambda/index.ts',
    'src/plugins/sqlite/index.ts',
    'src/plugins/temporal/index.ts',
    'src/plugins/temporal/client.ts',
    'src/plugins/temporal/worker.ts',
    // No entry of the package: what bundle-workflows.mjs bundles.
    'src/plugins/temporal/workflow.ts',
    'src/testing/index.ts',
  ],
  // The core in one file, whoever imports it: loaded quickly, and once. What else entries share gets files by who shares it.
  outputOptions: {
    codeSplitting: {
      groups: [
        { name: 'core', test: (file) => core.test(file) && !isType(file) },
        { name: 'core.d', test: (file) => core.test(file) && isType(file) },
      ],
    },
    chunkFileNames: 'chunks/[name].js',
    minifyInternalExports: false,
  },
  hash: false,
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
