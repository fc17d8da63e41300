import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  resolve: { conditions: ['holdfast-source'] },
  ssr: { resolve: { conditions: ['holdfast-source'], externalConditions: ['holdfast-source'] } },
  test: {
    include: ['test/engines/temporal/**/*.test.ts'],
    globalSetup: ['test/engines/temporal/support/setup.ts'],
    execArgv: ['--conditions=holdfast-source'],
    pool: 'forks',
    // One server and two cores: what runs beside something else says nothing about times.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The worker's native part keeps threads.
    teardownTimeout: 5_000,
  },
})
