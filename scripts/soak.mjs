// The long tests: minutes to hours. `npm run test:soak`.
import { run } from './run.mjs'

const SUITES = [
  ['vitest run --project soak --passWithNoTests'],
  ['node test/engines/temporal/suite.mjs', 'test/engines/temporal/soak.test.ts'],
  // The kit's cases that are too long for each run of the suite.
  ['node test/engines/dapr/suite.mjs', 'test/engines/dapr/conformance.test.ts'],
]

for (const [command, files = ''] of SUITES) {
  process.exitCode = run(command, { HOLDFAST_SOAK: '1', HOLDFAST_ENGINE_TESTS: files })
  if (process.exitCode !== 0) break
}
