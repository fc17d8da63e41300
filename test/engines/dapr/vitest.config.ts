import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  resolve: { conditions: ['holdfast-source'] },
  ssr: { resolve: { conditions: ['holdfast-source'], externalConditions: ['holdfast-source'] } },
  test: {
    include: ['test/engines/dapr/**/*.test.ts'],
    globalSetup: ['test/engines/dapr/support/setup.ts'],
    execArgv: ['--conditions=holdfast-source'],
    pool: 'forks',
    // Two cores: what runs beside something else says nothing about times.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // Mostly they wait: for a daprd that comes up, or that notices a death.
    maxConcurrency: 8,
    teardownTimeout: 5_000,
  },
})
