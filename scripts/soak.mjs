// The long tests: minutes to hours. `npm run test:soak`.
import { runAll } from './run.mjs'

runAll(['vitest run --project soak --passWithNoTests', 'node test/engines/temporal/suite.mjs'], {
  HOLDFAST_SOAK: '1',
  HOLDFAST_ENGINE_TESTS: 'test/engines/temporal/soak.test.ts',
})
