import { defineConfig } from 'vitest/config'

// Only when asked for: they run for minutes to hours.
const soak = {
  extends: true as const,
  test: { name: 'soak', include: ['test/soak/**/*.test.ts'], testTimeout: 3_600_000, fileParallelism: false },
}

// Random runs, the kit and what it certifies, real files, guides that are run: in `npm test`, not in `npm run check`.
const slower = [
  ...['fuzz', 'testing', 'conformance', 'plugins', 'third-party'].map((folder) => `test/${folder}/**/*.test.ts`),
  'test/{examples,write-a-plugin}.test.ts',
]

export default defineConfig({
  // `holdfast` imported by name is src/: no build before a test.
  resolve: { conditions: ['holdfast-source'] },
  ssr: { resolve: { conditions: ['holdfast-source'], externalConditions: ['holdfast-source'] } },
  test: {
    // Child processes of a test find `holdfast` in the same way.
    execArgv: ['--conditions=holdfast-source'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts'],
      exclude: ['src/**/*.d.ts'],
      reporter: ['text-summary', 'json-summary'],
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/chaos/**', 'test/engines/**', 'test/soak/**', ...slower],
          // The rest of the sources is for `npm run check`: an error there is no reason to fail a test of types.
          typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], ignoreSourceErrors: true },
        },
      },
      {
        extends: true,
        test: {
          name: 'suites',
          include: slower,
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        // Real child processes, killed for real: too many at once on two cores and timings mean nothing.
        extends: true,
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      ...(process.env['HOLDFAST_SOAK'] ? [soak] : []),
    ],
  },
})
