// The long tests: minutes to hours. `npm run test:soak`.
import { runAll } from './run.mjs'

runAll(['vitest run --project soak --passWithNoTests'], { HOLDFAST_SOAK: '1' })
