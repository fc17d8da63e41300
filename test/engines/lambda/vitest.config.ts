import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  resolve: { conditions: ['holdfast-source'] },
  ssr: { resolve: { conditions: ['holdfast-source'], externalConditions: ['holdfast-source'] } },
  test: {
    include: ['test/engines/lambda/**/*.test.ts'],
    // On an account, and only when it is named; suite.mjs says loudly that it did not run.
    exclude: process.env['HOLDFAST_LAMBDA_FUNCTION'] ? [] : ['**/cloud.test.ts'],
    execArgv: ['--conditions=holdfast-source'],
    pool: 'forks',
    // Each file has an emulator of its own, and there may be two cores.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
